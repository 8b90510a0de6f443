package core

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/chstore"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/hub/internal/store/pgstore"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// machine is one whose clock can be wrong, with a store that lasts.
type machine struct {
	*testing.T
	time  *atomic.Int64 // as it is, Unix ms
	skew  atomic.Int64  // ms by which the clock is ahead of it
	store keeping
	hub   *Hub
	ticks chan time.Time
}

// keeping is what all engines can do.
type keeping interface {
	store.Store
	store.Floorer
	store.Timekeeper
}

// timed is a store in a server whose clock is right.
type timed struct {
	keeping
	time *atomic.Int64
}

func (s timed) Time(ctx context.Context) (time.Time, error) {
	if now, err := s.keeping.Time(ctx); err != nil || now.IsZero() {
		return now, err
	}
	return time.UnixMilli(s.time.Load()), nil
}

func (timed) Close() error { return nil }

func (m *machine) Now() time.Time { return m.is().Add(m.off()) }

// is returns the time as it is.
func (m *machine) is() time.Time { return time.UnixMilli(m.time.Load()) }

// off returns how far the clock is ahead.
func (m *machine) off() time.Duration { return time.Duration(m.skew.Load()) * time.Millisecond }

func newMachine(t *testing.T, st keeping) *machine {
	m := &machine{T: t, time: new(atomic.Int64), store: st, ticks: make(chan time.Time)}
	// ClickHouse keeps what it gets for as long as its own clock says.
	m.time.Store(time.Now().Truncate(time.Minute).UnixMilli())
	return m
}

func (m *machine) start() {
	m.Helper()
	s := setup{now: m.Now, ticks: m.ticks}
	o := s.options()
	o.Elapsed = func() time.Duration { return m.is().Sub(noon) }
	var err error
	if m.hub, err = New(timed{m.store, m.time}, s.config(m.T), o); err != nil {
		m.Fatal(err)
	}
}

func (m *machine) stop() { closeHub(m.T, m.hub) }

// pass lets minutes pass. In each, a request begins, and old ones are deleted. It returns
// the starts of the requests.
func (m *machine) pass(d time.Duration, sent *[]int64) {
	m.Helper()
	for range d / time.Minute {
		m.send(m.is(), sent)
		m.time.Add(time.Minute.Milliseconds())
		m.hub.watchClock(m.Context())
		m.ticks <- noon
	}
	m.ticks <- noon // taken when the one before is done
}

// fill sends requests that started within the retention.
func (m *machine) fill(sent *[]int64) {
	m.Helper()
	for age := 7 * day; age > 0; age -= 4 * time.Hour {
		m.send(m.is().Add(time.Minute-age), sent)
	}
}

// send sends a request that starts then.
func (m *machine) send(start time.Time, sent *[]int64) {
	m.Helper()
	b := wire.NewBuilder()
	b.Add(&wire.Request{Key: wire.Key{Service: "web", Endpoint: "/", Method: "GET", Status: 200}, Start: start.UnixMilli(), Duration: time.Millisecond})
	if err := m.hub.Ship(m.Context(), b.Batch("sdk", uint64(len(*sent)+1)).AppendBinary(nil)); err != nil {
		m.Fatalf("at %s with the clock off by %s: %v", m.is(), m.off(), err)
	}
	*sent = append(*sent, start.UnixMilli())
}

// holds fails the test unless the store has exactly those requests that are not older
// than the retention. What is up to a day older may be there, too, and what perhaps has.
func (m *machine) holds(sent []int64, perhaps ...int64) {
	m.Helper()
	kept := make(map[int64]int)
	for r, err := range m.store.Requests(m.Context(), store.RequestQuery{Window: rollup.Window{To: 1 << 42}}) {
		if err != nil {
			m.Fatal(err)
		}
		kept[r.Start]++
	}
	oldest, missing := m.is().Add(-168*time.Hour).UnixMilli(), 0
	for _, start := range sent {
		if n := kept[start]; n > 1 {
			m.Errorf("the request of %s is there %d times", time.UnixMilli(start).UTC(), n)
		} else if n == 0 && start >= oldest {
			missing++
		} else if n == 1 && start < oldest-24*time.Hour.Milliseconds() {
			m.Errorf("the request of %s is still there", time.UnixMilli(start).UTC())
		}
		delete(kept, start)
	}
	for _, start := range perhaps {
		delete(kept, start)
	}
	if missing > 0 || len(kept) > 0 {
		m.Errorf("of %d requests %d are missing; %d were not sent", len(sent), missing, len(kept))
	}
}

// reports fails the test unless the hub soon says this of its clock; Unknown is nothing.
func (m *machine) reports(want health.Status) {
	m.Helper()
	got := func() health.Status {
		for _, c := range m.hub.Health().Checks {
			if c.Name == config.ClockCheck {
				return c.Status
			}
		}
		return health.Unknown
	}
	for end := time.Now().Add(20 * time.Second); got() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			m.Fatalf("with the clock off by %s, it is %s, want %s", m.off(), got(), want)
		}
	}
}

// engines makes an empty store of each kind, which lasts over hubs.
func engines(t *testing.T) map[string]func(t *testing.T) keeping {
	postgres := serverstest.Postgres(t)
	var databases atomic.Int64
	opened := func(t *testing.T, s keeping, err error) keeping {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	all := map[string]func(t *testing.T) keeping{
		"directory": func(t *testing.T) keeping {
			s, err := pebblestore.Open("data", pebblestore.Options{FS: vfs.NewMem()})
			return opened(t, s, err)
		},
		"postgres": func(t *testing.T) keeping {
			name := fmt.Sprintf("kymo%d", databases.Add(1))
			postgres.SQL("CREATE DATABASE " + name)
			s, err := pgstore.Open(postgres.URL("postgres", serverstest.PostgresPassword, name), pgstore.Options{})
			return opened(t, s, err)
		},
	}
	if testing.Short() {
		return all // make test-long has ClickHouse, too
	}
	clickhouse := serverstest.ClickHouse(t, "geheim")
	all["clickhouse"] = func(t *testing.T) keeping {
		s, err := chstore.Open(clickhouse.URL("default", "geheim", fmt.Sprintf("kymo%d", databases.Add(1))), chstore.Options{})
		return opened(t, s, err)
	}
	return all
}

const day = 24 * time.Hour

// TestWrongClocks holds every engine against clocks that are wrong.
func TestWrongClocks(t *testing.T) {
	skews := []time.Duration{21 * day, -3 * time.Hour, time.Hour, -time.Hour, -21 * day, 400 * day, -400 * day, -56 * 365 * day}
	for name, open := range engines(t) {
		some := skews
		if name == "clickhouse" { // where a minute takes a second
			some = skews[:1]
		} else if testing.Short() && name != "directory" {
			some = skews[:2]
		}
		for _, skew := range some {
			t.Run(fmt.Sprintf("%s/%s", name, skew), func(t *testing.T) {
				t.Parallel()
				testSteps(t, open(t), skew)
			})
		}
		t.Run(name+"/in the future", func(t *testing.T) {
			t.Parallel()
			testFloorInTheFuture(t, open(t))
		})
		t.Run(name+"/new", func(t *testing.T) {
			t.Parallel()
			testNewStore(t, open(t))
		})
		if name != "directory" { // which is for one hub
			t.Run(name+"/of one of two hubs", func(t *testing.T) {
				t.Parallel()
				testTwoHubs(t, open(t))
			})
		}
	}
}

// testSteps lets a clock be wrong for minutes, of a running hub and of one that starts.
func testSteps(t *testing.T, st keeping, skew time.Duration) {
	m := newMachine(t, st)
	m.start()
	defer func() { m.stop() }()
	var sent []int64
	m.fill(&sent)
	m.pass(3*time.Minute, &sent)
	r := rand.New(rand.NewPCG(uint64(skew), 1))
	for range 3 {
		m.skew.Store(skew.Milliseconds())
		m.pass(time.Duration(2+r.IntN(8))*time.Minute, &sent)
		m.holds(sent)
		m.reports(health.Degraded)
		m.skew.Store(0)
		m.pass(2*time.Minute, &sent)
		m.holds(sent)
		m.reports(health.Unknown)
	}
	m.stop()
	m.skew.Store(skew.Milliseconds())
	m.start()
	m.pass(3*time.Minute, &sent)
	m.holds(sent)
	m.skew.Store(0)
	m.pass(3*time.Minute, &sent)
	m.holds(sent)
	// A hub that is started again with the clock still wrong knows what time it was before.
	m.skew.Store(skew.Milliseconds())
	m.pass(3*time.Minute, &sent)
	m.stop()
	m.start()
	m.pass(3*time.Minute, &sent)
	m.holds(sent)
	m.skew.Store(0)
	m.pass(3*time.Minute, &sent)
	m.holds(sent)
}

// testNewStore starts a hub on an empty store with its clock far ahead, and so is that of
// one service. When the clock is set right, requests of now are taken at once.
func testNewStore(t *testing.T, st keeping) {
	m := newMachine(t, st)
	m.skew.Store((400 * day).Milliseconds())
	m.start()
	defer m.stop()
	var ahead, sent []int64
	for range 5 {
		m.send(m.Now(), &ahead)
		m.pass(time.Minute, &ahead)
	}
	m.skew.Store(0)
	m.pass(time.Minute, &ahead)
	sent = slices.Clone(ahead)
	m.fill(&sent)
	m.pass(2*time.Minute, &sent)
	m.time.Add(time.Hour.Milliseconds())
	m.pass(2*time.Minute, &sent)
	m.holds(sent[len(ahead):], ahead...)
}

// testTwoHubs has two hubs on one database, one of them with a wrong clock: the other
// loses nothing and refuses nothing.
func testTwoHubs(t *testing.T, st keeping) {
	right, wrong := newMachine(t, st), newMachine(t, st)
	wrong.time = right.time
	wrong.skew.Store((21 * day).Milliseconds())
	var sent []int64
	right.start()
	defer right.stop()
	right.fill(&sent)
	wrong.start()
	defer wrong.stop()
	for range 3 {
		wrong.pass(2*time.Minute, &sent)
		right.pass(2*time.Minute, &sent)
	}
	right.holds(sent)
	wrong.reports(health.Degraded)
	right.reports(health.Unknown)
}

// testFloorInTheFuture has a store that an earlier version deleted up to a time in the
// future. It takes requests of now as soon as the clock is believed.
func testFloorInTheFuture(t *testing.T, st keeping) {
	m := newMachine(t, st)
	if err := st.Prune(t.Context(), m.is().Add(400*day).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	m.start()
	defer m.stop()
	var lost, sent []int64
	m.pass(time.Minute, &lost)
	m.time.Add((time.Hour).Milliseconds())
	m.pass(2*time.Minute, &lost)
	sent = slices.Clone(lost)
	m.pass(2*time.Minute, &sent)
	m.holds(sent[len(lost):], lost...)
}
