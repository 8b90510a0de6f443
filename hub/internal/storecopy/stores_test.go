package storecopy

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/retry"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// past and future are hours that copied data lie in, besides those around now.
const past, future = -90 * 24, 23

// fill gives a store batches of some instances, spread over days, with many
// requests of one start, and dropped requests and health results.
func fill(t *testing.T, s store.Store, seed uint64, instances int) {
	t.Helper()
	g := rand.New(rand.NewPCG(seed, 1))
	begin := hourOf(storetest.Noon)
	for i := range instances {
		b := wire.NewBuilder()
		for _, h := range []hour{begin + past, begin - 30, begin - 29, begin - 2, begin - 1, begin, begin + future} {
			for range 8 {
				at := h.start() + g.Int64N(4)*g.Int64N(rollup.Hour.Millis()/4)
				b.Add(&wire.Request{
					Key:  wire.Key{Service: "orders", Endpoint: fmt.Sprint("/", g.IntN(3)), Method: "GET", Status: 200 + 300*g.IntN(2)},
					User: fmt.Sprint(g.IntN(3)), Start: at, Duration: time.Duration(g.Int64N(1e9)), Size: g.Int64N(3),
				})
			}
			if g.IntN(2) == 0 {
				b.AddDrop(wire.Drop{Service: fmt.Sprint("service-", g.IntN(3)), At: h.start() + g.Int64N(rollup.Hour.Millis()), Count: 1 + g.Uint64N(5), Reason: wire.DropReason(g.IntN(int(wire.DropReasons)))})
			}
			r := wire.HealthResult{Service: "orders", Check: fmt.Sprint(g.IntN(2)), Status: health.Down, From: h.window().To - 1 - g.Int64N(2)*1000,
				Critical: true, Failures: 1, Reason: "refused", Details: `{"a":1}`}
			r.To = r.From + g.Int64N(wire.MaxSpan)
			r.Latency.Record(g.Int64N(1e9))
			b.AddHealth(r)
			r.Flapping = true
			b.AddHealth(r)
		}
		if _, err := s.Append(t.Context(), b.Batch(fmt.Sprint("instance-", i), 1+seed)); err != nil {
			t.Fatal(err)
		}
	}
	// Hours with nothing but one of the three.
	only := func(h hour) int64 { return h.start() + rollup.Hour.Millis()/2 }
	if _, err := s.Append(t.Context(),
		&wire.Batch{Instance: "hub", Sequence: 1 + seed, Drops: []wire.Drop{{Service: "lonely", At: only(begin - 300), Count: 3}}},
		&wire.Batch{Instance: "hub", Sequence: 1000 + seed, Health: []wire.HealthResult{{Check: "redis", Status: health.Healthy, From: only(begin - 400), To: only(begin - 399)}}},
	); err != nil {
		t.Fatal(err)
	}
}

// expectSame compares all answers of two stores. What was dropped is known by the
// hour only, so windows are hours.
func expectSame(t *testing.T, got, want store.Store) {
	t.Helper()
	begin := hourOf(storetest.Noon)
	windows := []rollup.Window{everything}
	for _, h := range []hour{begin + past, begin - 399, begin - 300, begin - 30, begin - 29, begin - 1, begin, begin + future} {
		windows = append(windows, h.window())
	}
	for _, w := range windows {
		q, rq, hq := store.RollupQuery{Window: w}, store.RequestQuery{Window: w}, store.HealthQuery{Window: w}
		for what, lines := range map[string][2][]string{
			"rollups":  {storetest.Rollups(t, got, q), storetest.Rollups(t, want, q)},
			"requests": {storetest.Requests(t, got, rq), storetest.Requests(t, want, rq)},
			"health":   {storetest.Health(t, got, hq), storetest.Health(t, want, hq)},
		} {
			if !slices.Equal(lines[0], lines[1]) {
				t.Errorf("%s of %v differ: %d lines, want %d", what, w, len(lines[0]), len(lines[1]))
			}
		}
	}
}

// copying is a copier and its results.
type copying struct {
	*Copier
	copied  *Copied
	checked *Checked
}

func newCopying(from, to store.Store) *copying {
	return &copying{Copier: &Copier{
		From: Place{from, "old"}, To: Place{to, "new"}, Source: "/old", Retry: retry.Policy{Patience: time.Minute},
	}}
}

// run copies and checks.
func (c *copying) run(ctx context.Context) (err error) {
	if c.copied, err = c.Copy(ctx); err != nil {
		return err
	}
	c.checked, err = c.Check(ctx, c.copied)
	return err
}

// expectEqual fails the test unless the check found that both stores hold the
// same in so many hours.
func (c *copying) expectEqual(t *testing.T, hours int64) {
	t.Helper()
	if want := (Checked{Hours: hours}); *c.checked != want {
		t.Errorf("checked: %+v, want %+v", *c.checked, want)
	}
}

// hooked is a store that does something else at some of its calls.
type hooked struct {
	store.Store
	append func(batches []*wire.Batch) ([]bool, error) // instead of Append
	read   func() error                                // before each question

	mu sync.Mutex // calls of append are one at a time
}

func (h *hooked) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	if h.append == nil {
		return h.Store.Append(ctx, batches...)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.append(batches)
}

func (h *hooked) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	return asking(h, h.Store.Rollups(ctx, q))
}

func (h *hooked) Requests(ctx context.Context, q store.RequestQuery) iter.Seq2[*store.Record, error] {
	return asking(h, h.Store.Requests(ctx, q))
}

func (h *hooked) Health(ctx context.Context, q store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	return asking(h, h.Store.Health(ctx, q))
}

func (h *hooked) HealthNames(ctx context.Context, w rollup.Window) iter.Seq2[string, error] {
	return asking(h, h.Store.HealthNames(ctx, w))
}

func asking[T any](h *hooked, answer iter.Seq2[T, error]) iter.Seq2[T, error] {
	if h.read != nil {
		if err := h.read(); err != nil {
			return func(yield func(T, error) bool) { yield(*new(T), err) }
		}
	}
	return answer
}
