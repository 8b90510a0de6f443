package intake

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// sumOf returns the number of requests in drops.
func sumOf(drops []wire.Drop) (n uint64) {
	for _, d := range drops {
		n += d.Count
	}
	return n
}

// TestLossesFitIntoABatch in as much detail as there is room for.
func TestLossesFitIntoABatch(t *testing.T) {
	const second, hour, day = 1000, 3600_000, 24 * 3600_000
	now := noon.UnixMilli()
	for name, c := range map[string]struct {
		drops  int                            // of the batch before, a second apart
		losses int                            // each of a service and time of its own
		lossAt func(i int) (string, int64)    // of each
		times  func(drops []wire.Drop) string // what is wrong with the drops in the end
	}{
		"with room": {0, maxSpans, func(i int) (string, int64) { return "a", now - int64(i)*10*second - 1 }, func(drops []wire.Drop) string {
			if len(drops) != maxSpans || drops[0].At%(10*second) != 0 || drops[0].At%hour == 0 {
				return "not at 10 s"
			}
			return ""
		}},
		"by the hour": {wire.MaxDrops, 5, func(i int) (string, int64) { return "a", now - int64(i)*hour - 5 }, func(drops []wire.Drop) string {
			for _, d := range drops {
				if d.At%hour != 0 {
					return "not at an hour"
				}
			}
			if len(drops) < 5 {
				return "in too few hours"
			}
			return ""
		}},
		"by the day": {0, 20 * wire.MaxDrops, func(i int) (string, int64) { return "a", now - int64(i)*hour/4 - 5 }, func(drops []wire.Drop) string {
			if drops[0].At%day != 0 || len(drops) < 200 {
				return "not at each day"
			}
			return ""
		}},
		"by service": {10, 3000, func(i int) (string, int64) { return fmt.Sprint("s", i%500), now - int64(i)*day/2 }, func(drops []wire.Drop) string {
			if len(drops) != 510 || drops[10].At != now {
				return "not at their arrival"
			}
			return ""
		}},
	} {
		b := &wire.Batch{Instance: "x"}
		for i := range c.drops {
			b.Drops = append(b.Drops, wire.Drop{Service: "d", At: now - int64(i)*10*second - 1, Count: 2})
		}
		lost := newLosses(noon, always)
		for i := range c.losses {
			service, at := c.lossAt(i)
			lost.add(ingest.TooOld, service, at)
		}
		lost.moveTo(b, all)
		if err := b.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, want := sumOf(b.Drops), uint64(2*c.drops+c.losses); got != want || lost.sum() != uint64(c.losses) {
			t.Errorf("%s: drops of %d; want %d", name, got, want)
		}
		if problem := c.times(b.Drops); problem != "" {
			t.Errorf("%s: %d drops %s: %v", name, len(b.Drops), problem, b.Drops[:3])
		}
	}
}

func all(string) bool { return true }

// TestLossesAddUp: the counts of losses are exact, and never have more entries than fit
// into a batch.
func TestLossesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			services = rapid.IntRange(1, 3000).Draw(t, "services")
			apart    = rapid.Int64Range(1, int64(10*time.Hour/time.Millisecond)).Draw(t, "ms apart")
			n        = rapid.IntRange(0, 5000).Draw(t, "losses")
			reported = rapid.IntRange(0, wire.MaxDrops).Draw(t, "drops of the batch")
			strange  = rapid.IntRange(1, 10).Draw(t, "one service of so many is known")
			starts   = span{noon.Add(-168 * time.Hour).UnixMilli(), noon.Add(24 * time.Hour).UnixMilli()}
			lost     = newLosses(noon, starts)
			b        = &wire.Batch{Instance: "x"}
		)
		for i := range n {
			lost.add(ingest.Reason(i%int(ingest.Reasons)), fmt.Sprint("s", i%services), noon.UnixMilli()-int64(i)*apart)
			if len(lost.spans) > wire.MaxDrops {
				t.Fatalf("%d entries after %d losses", len(lost.spans), i+1)
			}
		}
		for i := range reported {
			b.Drops = append(b.Drops, wire.Drop{Service: fmt.Sprint("r", i%services), At: noon.UnixMilli() - int64(i)*apart%starts.from, Count: 3, Reason: wire.DropReason(i % int(wire.DropReasons))})
		}
		known := func(service string) bool {
			var i int
			_, err := fmt.Sscanf(service, "s%d", &i)
			return err == nil && i%strange == 0
		}
		lost.moveTo(b, known)
		if err := b.Validate(); err != nil {
			t.Fatal(err)
		}
		if got, want := sumOf(b.Drops), uint64(n+3*reported); got != want || lost.sum() != uint64(n) {
			t.Fatalf("%d drops stand for %d requests; want %d", len(b.Drops), got, want)
		}
		for _, d := range b.Drops {
			if d.Service[0] == 's' && !known(d.Service) || d.Service[0] != 'r' && (d.At < starts.from || d.At > noon.UnixMilli()) {
				t.Fatalf("a drop of %v", d)
			}
		}
	})
}

// TestStrangersTakeNoPlace: services of refused requests do not count toward the hub's
// limit of services, so that valid bodies are not refused.
func TestStrangersTakeNoPlace(t *testing.T) {
	st := storetest.NewOracle()
	in := newIntake(st, Limits{Services: 1})
	refusal := &ingest.RefusalError{Reason: ingest.Invalid, Problem: "has no duration"}
	body := steps{refused{ingest.Request{Service: []byte("web"), Start: ingest.NoTime}, refusal}, changed(func(r *ingest.Request) { r.Service = []byte("web") })}
	for i := range 3 {
		body = append(body, refused{ingest.Request{Service: fmt.Append(nil, "stranger-", i), Start: ingest.NoTime}, refusal})
	}
	for range 2 { // as a new service, and as a known one
		again := slices.Clone(body)
		got, err := in.Read(t.Context(), Body{Reader: &again})
		if err != nil || got.Accepted != 1 || got.Dropped != 4 {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	same(t, "services", in.Services(), []string{"web"})
	_, dropped := rollups(t, st)
	same(t, "drops", dropped, map[string]uint64{"web": 2, OtherServices: 6})

	// Nor do they after a restart.
	in = newIntake(st, Limits{})
	for r := range st.Rollups(t.Context(), store.RollupQuery{Window: rollup.Window{To: wire.MaxStart}}) {
		in.Seed(r.Service, r.Endpoint, true)
	}
	same(t, "services that are seeded", in.Services(), []string{"web"})
}

// TestAWrongClockShowsInTheReportOfToday: requests from before the retention are not
// missing from today's numbers, and today's report counts them apart.
func TestAWrongClockShowsInTheReportOfToday(t *testing.T) {
	st, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	// There was no room for all of the retention.
	if err := st.Prune(t.Context(), noon.Add(-48*time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	in := newIntake(st, Limits{})
	drops := []wire.Drop{
		{Service: "a", At: 5, Count: 10},
		{Service: "a", At: noon.Add(-49 * time.Hour).UnixMilli(), Count: 20},
		{Service: "a", At: noon.Add(-47 * time.Hour).UnixMilli(), Count: 40},
	}
	if _, err := in.Batch(t.Context(), atOffsets(1, drops, []string{"a"}, -time.Hour, -49*time.Hour, -47*time.Hour)); err != nil {
		t.Fatal(err)
	}
	slow := &report.Slow{}
	for name, c := range map[string]struct {
		window  rollup.Window
		dropped uint64
		tooOld  uint64
	}{
		"today":     {rollup.Window{From: noon.Add(-24 * time.Hour).UnixMilli(), To: noon.UnixMilli() + 1}, 0, 31},
		"two days":  {rollup.Window{From: noon.Add(-48 * time.Hour).UnixMilli(), To: noon.UnixMilli() + 1}, 40, 31},
		"the floor": {rollup.Window{To: noon.Add(-48*time.Hour).UnixMilli() + 1}, 0, 0},
	} {
		s, err := report.Read(st.Rollups(t.Context(), store.RollupQuery{Window: c.window}), c.window, slow)
		if err != nil {
			t.Fatal(err)
		}
		trust := s.Performance().Trust
		same(t, name+": dropped", []uint64{trust.Dropped, trust.TooOld}, []uint64{c.dropped, c.tooOld})
		s.Free()
	}
}

// TestRefusalsCostOnlyThemselves: elements that a reader leaves out, or that are beyond a
// limit in a lenient body, count by reason, at their own time.
func TestRefusalsCostOnlyThemselves(t *testing.T) {
	st := storetest.NewOracle()
	in := newIntake(st, Limits{})
	yesterday := noon.Add(-24 * time.Hour).UnixMilli()
	elements := steps{
		refused{ingest.Request{Service: []byte("shop"), Start: yesterday}, &ingest.RefusalError{Reason: ingest.Invalid, Problem: "has no duration"}},
		changed(func(r *ingest.Request) { r.Service = []byte("shop") }),
		&ingest.RefusalError{Reason: ingest.Invalid, Problem: "is no span"},
		changed(func(r *ingest.Request) { r.Start -= 1000 * 3600_000 }),
		changed(func(r *ingest.Request) { r.Start += 1000 * 3600_000 }),
		changed(func(r *ingest.Request) { r.Service = []byte("a\x00") }),
		good(),
	}
	for _, duplicate := range []bool{false, true} {
		again := slices.Clone(elements)
		got, err := in.Read(t.Context(), Body{Reader: &again, Service: "web", Key: "k", Lenient: true})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "receipt", got, Receipt{Accepted: 2, Dropped: 5, Duplicate: duplicate, DroppedReasons: DroppedReasons{Invalid: 3, TooOld: 1, InFuture: 1}})
	}
	c := &in.Counters
	same(t, "counters", []uint64{c.Requests.Load(), c.Lost[ingest.Invalid].Load(), c.Lost[ingest.TooOld].Load(), c.Lost[ingest.InFuture].Load(), c.Refused.Load()},
		[]uint64{2, 3, 1, 1, 0})
	same(t, "drops of yesterday", dropsIn(t, st, rollup.Window{From: yesterday - 10_000, To: yesterday + 1}), map[string]uint64{"shop": 1})
	same(t, "drops of now", dropsIn(t, st, rollup.Window{From: noon.UnixMilli() - 10_000, To: noon.UnixMilli() + 1}), map[string]uint64{"web": 4})

	// A body of nothing else is kept, too: its losses are.
	only := steps{&ingest.RefusalError{Problem: "is no span"}}
	got, err := in.Read(t.Context(), Body{Reader: &only})
	if err != nil || got.Accepted != 0 || got.Dropped != 1 || c.Lost[ingest.Invalid].Load() != 4 {
		t.Errorf("nothing but a refusal: %+v, %v", got, err)
	}
}

func TestReasonsAreNamed(t *testing.T) {
	names := make(map[string]bool)
	for reason := range ingest.Reasons {
		names[reason.String()] = true
	}
	if len(names) != int(ingest.Reasons) || names[ingest.Reasons.String()] {
		t.Errorf("reasons without a name of their own: %v", names)
	}
}
