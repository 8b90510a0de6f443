package main

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/report"
)

// TestLimitsAreTheHubs: the command's limits are those in the hub's OpenAPI document.
func TestLimitsAreTheHubs(t *testing.T) {
	content, err := os.ReadFile("../../internal/api/testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	type schema struct {
		Minimum, Maximum float64
		Enum             []report.Order
	}
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name   string
				Schema schema
			}
		}
	}
	if err := json.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	find := func(path, name string) schema {
		for _, p := range document.Paths[path]["get"].Parameters {
			if p.Name == name {
				return p.Schema
			}
		}
		t.Fatalf("%s has no %s", path, name)
		return schema{}
	}
	for _, test := range []struct {
		path, name string
		max        float64
	}{
		{client.PerformancePath, "hours", client.MaxHours}, {client.EndpointsPath, "hours", client.MaxHours},
		{client.EndpointsPath, "limit", maxEndpoints}, {client.HistoryPath, "hours", maxHistoryHours},
	} {
		if s := find(test.path, test.name); s.Minimum != 1 || s.Maximum != test.max {
			t.Errorf("%s: %s is from %v to %v, and the command takes 1 to %v", test.path, test.name, s.Minimum, s.Maximum, test.max)
		}
	}
	if orders := find(client.EndpointsPath, "sort").Enum; !slices.Equal(orders, report.Orders) {
		t.Errorf("the hub sorts by %v, the command by %v", orders, report.Orders)
	}
}
