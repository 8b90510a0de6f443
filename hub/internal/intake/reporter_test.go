package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/clock"
	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// A heartbeat in JSON is passed on like one of an SDK, and what its checks found is kept: at
// once when a status is news, then once a minute, and all of it when the process leaves.
func TestReporter(t *testing.T) {
	st := storetest.NewOracle()
	now := noon
	in := New(st, Limits{}, 168*time.Hour, clock.Of(func() time.Time { return now }))
	var heard []string
	in.OnHeartbeat(func(b *wire.Batch, at time.Time) {
		line := fmt.Sprint(b.Instance, " ", b.Kind, " ", b.Version, " ", at.Equal(now))
		for i := range b.Health {
			line += fmt.Sprintf(" %s=%s", b.Health[i].Name(), b.Health[i].Status)
		}
		heard = append(heard, line)
	})
	beat := func(leaving bool, checks ...ingest.CheckStatus) {
		t.Helper()
		if err := in.Heartbeat(t.Context(), &ingest.Heartbeat{Service: "orders", Instance: "web-1", Version: "1.4", Checks: checks, Leaving: leaving}); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (lines []string) {
		t.Helper()
		for r, err := range st.Health(t.Context(), store.HealthQuery{Window: rollup.Window{From: noon.Add(-time.Hour).UnixMilli(), To: noon.Add(time.Hour).UnixMilli()}}) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf("%s %s %d-%d %d %s", r.Name(), r.Status, (r.From-noon.UnixMilli())/1000, (r.To-noon.UnixMilli())/1000, r.Latency.Count(), r.Reason))
		}
		return lines
	}
	fine := ingest.CheckStatus{Name: "database", Status: health.Healthy, Critical: true, Latency: 3e6, Timed: true}
	broken := fine
	broken.Status, broken.Reason = health.Down, "refused"
	beat(false, fine)
	if want := []string{"orders/database healthy 0-0 1 "}; !slices.Equal(kept(), want) {
		t.Errorf("at first: %q, want %q", kept(), want)
	}
	for range 9 { // 90 s, of which a minute is over
		now = now.Add(10 * time.Second)
		beat(false, fine)
	}
	if want := []string{"orders/database healthy 0-0 1 ", "orders/database healthy 0-60 6 "}; !slices.Equal(kept(), want) {
		t.Errorf("after a minute: %q, want %q", kept(), want)
	}
	now = now.Add(10 * time.Second)
	beat(false, broken)
	if got := kept(); len(got) != 4 || got[3] != "orders/database down 100-100 1 refused" {
		t.Errorf("when it is down: %q", got)
	}
	now = now.Add(10 * time.Second)
	beat(true, broken)
	if got := kept(); len(got) != 5 || got[4] != "orders/database down 100-110 1 refused" {
		t.Errorf("when it left: %q", got)
	}
	if heard[0] != "web-1 1 1.4 true orders=healthy orders/database=healthy" || heard[len(heard)-1] != "web-1 2 1.4 true orders=down orders/database=down" || len(heard) != 12 {
		t.Errorf("heard %q", heard)
	}
	if in.Counters.Heartbeats.Load() != 12 || in.Counters.HealthRows.Load() != 5 {
		t.Errorf("%d heartbeats, %d results", in.Counters.Heartbeats.Load(), in.Counters.HealthRows.Load())
	}
}

// away is a store that fails with an error, while there is one.
type away struct {
	*storetest.Oracle
	err error
}

func (s *away) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.Oracle.Append(ctx, batches...)
}

// What a store that is away did not keep is kept with the next heartbeat, once.
func TestReporterOfAFailingStore(t *testing.T) {
	st := &away{storetest.NewOracle(), store.ErrUnavailable}
	in := newIntake(st, Limits{})
	h := &ingest.Heartbeat{Service: "orders", Instance: "web-1", Checks: []ingest.CheckStatus{{Name: "a", Status: health.Healthy}, {Name: "b", Status: health.Down}}}
	if err := in.Heartbeat(t.Context(), h); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("%v", err)
	}
	st.err = nil
	for range 2 {
		if err := in.Heartbeat(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for r, err := range st.Health(t.Context(), store.HealthQuery{Window: rollup.Window{To: wire.MaxStart}}) {
		if n++; err != nil {
			t.Fatal(err)
		}
		if r.Latency.Count() != 0 {
			t.Errorf("%s has the latencies of %d runs, of which none was said", r.Name(), r.Latency.Count())
		}
	}
	if n != 2 {
		t.Errorf("%d results are kept, want 2", n)
	}
}

// Processes that fell silent make room for others; more than there is room for are heard, and
// their checks have no history.
func TestReportersAreBounded(t *testing.T) {
	p := reporters{}
	for i := range maxReporters {
		if p.of(&ingest.Heartbeat{Service: "s", Instance: fmt.Sprint(i)}, noon) == nil {
			t.Fatal(i)
		}
	}
	late := noon.Add(reporterExpiry + time.Second)
	if p.of(&ingest.Heartbeat{Service: "s", Instance: "one more"}, noon) != nil || p.of(&ingest.Heartbeat{Service: "s", Instance: "7"}, late) == nil {
		t.Error("the bound does not hold")
	}
	if p.of(&ingest.Heartbeat{Service: "s", Instance: "one more"}, late) == nil || len(p.all) != 2 {
		t.Errorf("%d are left", len(p.all))
	}
}

// What all of them say is bounded, too, and is given back.
func TestBytesOfReportersAreBounded(t *testing.T) {
	p := reporters{}
	large := func(i int) *ingest.Heartbeat {
		h := &ingest.Heartbeat{Service: "s", Instance: fmt.Sprint(i)}
		for k := range wire.MaxHealth - 1 {
			h.Checks = append(h.Checks, ingest.CheckStatus{Name: fmt.Sprint(k), Details: strings.Repeat("x", wire.MaxDetails)})
		}
		return h
	}
	kept := 0
	for i := range 100 {
		if p.of(large(i), noon) != nil {
			kept++
		}
	}
	if kept == 0 || kept == 100 || p.bytes > maxReporterBytes || len(p.all) != kept {
		t.Errorf("%d of 100 are kept, %d of them known, with %d bytes", kept, len(p.all), p.bytes)
	}
	small := &ingest.Heartbeat{Service: "s", Instance: "0"}
	if p.of(small, noon) == nil || p.of(large(99), noon) == nil {
		t.Error("what one no longer says makes no room")
	}
	for i := range 100 {
		p.forget(large(i))
	}
	if p.bytes != 0 {
		t.Errorf("%d bytes are left", p.bytes)
	}
}
