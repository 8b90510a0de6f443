package storecopy

import (
	"slices"
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// TestHoursWithData are found wherever they are, in a few questions.
func TestHoursWithData(t *testing.T) {
	oracle, questions := storetest.NewOracle(), 0
	at := []hour{0, 400_000, 500_000, 500_001, 500_040, lastHour}
	for i, h := range at {
		b := wire.NewBuilder()
		switch start := h.window().To - 1; {
		case h == lastHour:
			b.Add(&wire.Request{Key: wire.Key{Service: "orders", Endpoint: "/", Method: "GET", Status: 200}, Start: wire.MaxStart})
		case i%3 == 0:
			b.Add(&wire.Request{Key: wire.Key{Service: "orders", Endpoint: "/", Method: "GET", Status: 200}, Start: start})
		case i%3 == 1:
			b.AddDrop(wire.Drop{Service: "orders", At: start, Count: 1})
		default:
			b.AddHealth(wire.HealthResult{Check: "redis", Status: health.Down, From: start, To: start + wire.MaxSpan})
		}
		if _, err := oracle.Append(t.Context(), b.Batch("a", uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	p := Place{&hooked{Store: oracle, read: func() error { questions++; return nil }}, "old"}
	var found []hour
	for h, err := range p.hours(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, h)
	}
	if !slices.IsSorted(found) {
		t.Error("out of order")
	}
	for _, h := range at {
		if !slices.Contains(found, h) {
			t.Errorf("%v is not found", h)
		}
	}
	if len(found) > 7*spanHours || questions > 500 {
		t.Errorf("%d hours, %d questions", len(found), questions)
	}
	for range p.hours(t.Context()) {
		break
	}
}
