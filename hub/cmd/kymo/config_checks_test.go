package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub"
)

// TestUsualConfiguration reads the file that the documentation shows.
func TestUsualConfiguration(t *testing.T) {
	vars := map[string]string{"KYMO_INGEST_TOKEN": "in", "KYMO_READ_TOKEN": "out"}
	s, err := loadSettings("testdata/kymo.yaml", vars, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []hub.Check{
		{Name: "database", Type: "postgres", URL: "postgres://app@127.0.0.1:5432/app", Interval: 10 * time.Second, Timeout: 2 * time.Second, Critical: true},
		{Name: "redis", Type: "redis", URL: "redis://127.0.0.1:6379/0", Interval: 10 * time.Second, DegradedOver: 50 * time.Millisecond},
		{Name: "ml_models", Type: "kserve", URL: "http://127.0.0.1:8080", Models: []string{"fraud"}, Interval: 30 * time.Second},
	}
	if !reflect.DeepEqual(s.checks, want) {
		t.Errorf("checks: got %+v, want %+v", s.checks, want)
	}
	if want := []hub.Service{{Name: "orders", Health: "http://127.0.0.1:8000/health"}}; !reflect.DeepEqual(s.services, want) {
		t.Errorf("services: got %+v, want %+v", s.services, want)
	}
	targets, err := s.targets()
	if err != nil {
		t.Fatal(err)
	}
	defer closeTargets(targets)
	var names []string
	for _, target := range targets {
		names = append(names, target.name)
	}
	if got, want := fmt.Sprint(names), "[database redis ml_models orders]"; got != want {
		t.Errorf("targets: got %s, want %s", got, want)
	}
	// To run the checks, nobody need know the hub's tokens.
	if only, err := readChecks("testdata/kymo.yaml", nil); err != nil || !reflect.DeepEqual(only.checks, want) {
		t.Errorf("alone: got %+v, %v", only, err)
	}
}

// TestKeysOfChecks has a value of each kind that a key can have.
func TestKeysOfChecks(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key.txt"), "of the models\n")
	path := filepath.Join(dir, "kymo.yaml")
	write(t, path, `
checks:
  - name: site
    type: http
    url: env:SITE
    headers: {Authorization: "env:HEADER", X-Plain: "2"}
    body: |
      line
    status: [200, 204]
    json: {data.status: ok, nodes.0.up: true, n: 3, list: [1.5, null]}
    insecure: true
    failures: 3
  - name: ml
    type: kserve
    url: http://ml
    key: file:`+dir+`/key.txt
    models: [fraud, "2"]
    canary:
      model: fraud
      body: {inputs: [{name: x, shape: [1, 4]}]}
      shape: [-1, 4]
      budget: 50ms
  - {name: database, type: postgres, url: "postgres://db", max_connections: 80%, max_lag: 3s}
  - {name: disk, type: disk, min_free: 0.25}
services:
  - {name: orders, health: "env:SITE", silence: 20s, down_after: 40s, critical: true}
`)
	s, err := loadSettings(path, map[string]string{"SITE": "http://user:secret@site", "HEADER": "Bearer x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []hub.Check{{
		Name: "site", Type: "http", URL: "http://user:secret@site",
		Headers: map[string]string{"Authorization": "Bearer x", "X-Plain": "2"}, Body: "line", Status: []int{200, 204},
		JSON: map[string]any{"data.status": "ok", "nodes.0.up": true, "n": uint64(3), "list": []any{1.5, nil}}, Insecure: true, Failures: 3,
	}, {
		Name: "ml", Type: "kserve", URL: "http://ml", Key: "of the models", Models: []string{"fraud", "2"},
		Canary: &hub.Canary{
			Model:  "fraud",
			Body:   map[string]any{"inputs": []any{map[string]any{"name": "x", "shape": []any{uint64(1), uint64(4)}}}},
			Shape:  []int{-1, 4},
			Budget: 50 * time.Millisecond,
		},
	}, {
		Name: "database", Type: "postgres", URL: "postgres://db", MaxConnections: 0.8, MaxLag: 3 * time.Second,
	}, {
		Name: "disk", Type: "disk", MinFree: 0.25,
	}}
	if !reflect.DeepEqual(s.checks, want) {
		t.Errorf("got  %+v\nwant %+v", s.checks, want)
	}
	services := []hub.Service{{Name: "orders", Health: "http://user:secret@site", Silence: 20 * time.Second, DownAfter: 40 * time.Second, Critical: true}}
	if !reflect.DeepEqual(s.services, services) {
		t.Errorf("got  %+v\nwant %+v", s.services, services)
	}
}

// TestPlaces finds the line of what the hub finds wrong.
func TestPlaces(t *testing.T) {
	p := &places{path: "kymo.yaml", lines: map[string]int{"checks[1]": 3, "checks[1].canary": 5, "checks[1].url": 4}}
	other := errors.New("slow.target: is wrong")
	for _, test := range []struct {
		err  error
		want string
	}{
		{&hub.FieldError{Field: "checks[1].url", Problem: "is wrong"}, "kymo.yaml:4: checks[1].url: is wrong"},
		{&hub.FieldError{Field: "checks[1].canary.shape", Problem: "is wrong"}, "kymo.yaml:5: checks[1].canary.shape: is wrong"},
		{&hub.FieldError{Field: "checks[1].name", Problem: "is wrong"}, "kymo.yaml:3: checks[1].name: is wrong"},
		{&hub.FieldError{Field: "services[0].name", Problem: "is wrong"}, "services[0].name: is wrong"},
		{fmt.Errorf("configuration: %w", errors.Join(other, &hub.FieldError{Field: "checks[1].url", Problem: "is wrong"})),
			"slow.target: is wrong\nkymo.yaml:4: checks[1].url: is wrong"},
		{fmt.Errorf("reading: %w", other), "reading: slow.target: is wrong"},
	} {
		if got := p.locate(test.err); got == nil || got.Error() != test.want {
			t.Errorf("got %v, want %s", got, test.want)
		}
	}
	if err := p.locate(nil); err != nil {
		t.Error(err)
	}
}

// FuzzChecks: whatever is in the file, the answer is checks that can be made or
// an error that says where.
func FuzzChecks(f *testing.F) {
	usual, err := os.ReadFile("testdata/kymo.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(usual))
	f.Add("checks: [{name: a, type: http, url: env:A, headers: {a: b}, status: [200], json: {a: [1, null]}}]")
	f.Add("checks:\n  - name: a\n    type: kserve\n    canary: {body: {a: {}}, shape: [-1], budget: 1s}\n")
	f.Add("checks: [&a {name: a, type: disk, min_free: 10%}, *a]\nservices:\n- ? [a]\n  : b\n")
	f.Fuzz(func(t *testing.T, content string) {
		s := defaultSettings()
		r := &resolver{vars: map[string]string{"A": "http://a"}, used: make(map[string]bool)}
		c := &configFile{path: "kymo.yaml", settings: s, resolver: r, checksOnly: true}
		if err := c.read([]byte(content)); err != nil {
			if !strings.HasPrefix(err.Error(), "kymo.yaml:") {
				t.Errorf("without its place: %v", err)
			}
			return
		}
		targets, err := s.targets()
		closeTargets(targets)
		if err != nil && !strings.HasPrefix(err.Error(), "kymo.yaml:") {
			t.Errorf("without its place: %v", err)
		}
	})
}
