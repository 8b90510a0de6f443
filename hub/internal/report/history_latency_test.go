package report

import (
	"slices"
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

func TestRunTimes(t *testing.T) {
	var records []*store.HealthRecord
	for _, run := range []struct{ from, took int64 }{{-5, 2e6}, {9, 4e6}, {10, 1e6}, {590, 3e6}, {599, 5e6}} {
		r := span("a", health.Healthy, run.from, run.from+1)
		r.Latency.Record(run.took)
		records = append(records, r)
	}
	records = append(records, span("a", health.Healthy, 300, 301)) // nothing ran
	h, err := readHistory("redis", each(records), rollup.Window{From: 0, To: 600}, 9, 10, nil)
	want := []RunTimes{{0, 2, 3, 4}, {10, 1, 1, 1}, {590, 2, 4, 5}}
	if err != nil || !slices.Equal(h.Latency, want) {
		t.Errorf("%v, want %v; %v", h.Latency, want, err)
	}
	if records[0].Latency.Count() != 1 {
		t.Error("a result of the store's was changed")
	}
	empty, err := readHistory("redis", each(records[1:2]), rollup.Window{From: 9, To: 9}, 9, 10, nil)
	if err != nil || len(empty.Latency) != 0 {
		t.Errorf("in no time there were %v; %v", empty.Latency, err)
	}
}
