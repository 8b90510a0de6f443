package core

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

var ever = rollup.Window{From: 0, To: 1 << 60}

// within waits until the condition holds.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func state(h *Hub, name string) (health.CheckReport, bool) {
	r := h.Health()
	for _, c := range r.Checks {
		if c.Name == name {
			return c, true
		}
	}
	return health.CheckReport{}, false
}

// listen returns the address of something that takes connections.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestChecksOfTheConfiguration(t *testing.T) {
	st := storetest.NewOracle()
	l := listen(t)
	port := check("port", config.Spec{Type: "tcp", URL: "tcp://" + l.Addr().String()}, 100*time.Millisecond)
	port.Critical = true
	h := open(t, lasting{st}, setup{now: time.Now, checks: []config.Check{port, check("disk", disk, 100*time.Millisecond)}})
	within(t, "the port is healthy", func() bool { c, _ := state(h, "port"); return c.Status == health.Healthy })
	l.Close()
	within(t, "the port is down", func() bool { c, _ := state(h, "port"); return c.Status == health.Down })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/health", nil))
	if w.Code != 503 || !strings.Contains(w.Body.String(), "connection refused") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	within(t, "the history has both", func() bool {
		return len(storetest.Health(t, st, store.HealthQuery{Window: ever, Name: "port"})) >= 2
	})
	closeHub(t, h)
	statuses := make(map[health.Status]bool)
	for r, err := range st.Health(t.Context(), store.HealthQuery{Window: ever, Name: "port"}) {
		if err != nil {
			t.Fatal(err)
		}
		statuses[r.Status] = true
	}
	if !statuses[health.Healthy] || !statuses[health.Down] || len(statuses) != 2 {
		t.Errorf("got %v", statuses)
	}
}

// present sends a heartbeat with the status of an instance's checks.
func present(service, instance string, kind wire.Kind, status health.Status) []byte {
	b := wire.Batch{Instance: instance, Kind: kind, Health: []wire.HealthResult{
		{Service: service, Status: status}, {Service: service, Check: "stock", Status: status},
	}}
	return b.AppendBinary(nil)
}

func TestServicesAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := storetest.NewOracle()
		var ahead atomic.Int64 // of the hub's clock
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		h := open(t, lasting{st}, setup{now: now,
			checks:   []config.Check{check("taken", disk, 0)},
			services: []config.Service{{Name: "named", Silence: 10 * time.Second, DownAfter: 20 * time.Second}},
		})
		ship := func(b []byte) {
			t.Helper()
			if err := h.Ship(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		is := func(name string, want health.Status) {
			t.Helper()
			time.Sleep(1100 * time.Millisecond)
			if c, ok := state(h, name); !ok || c.Status != want {
				t.Errorf("%s is %+v, %v; want %v", name, c, ok, want)
			}
		}
		is("named", health.Unknown)
		ship(present("found", "a", wire.Present, health.Healthy))
		ship(present("named", "a", wire.Present, health.Healthy))
		ship(present("taken", "a", wire.Present, health.Degraded))
		is("found", health.Healthy)
		is("named", health.Healthy)
		is("service/taken", health.Degraded)
		ship(present("found", "a", wire.Present, health.Down))
		is("found", health.Down)
		ship(present("found", "a", wire.Leaving, health.Healthy))
		if _, ok := state(h, "found"); ok {
			t.Error("a service that left is still there")
		}
		time.Sleep(10 * time.Second)
		is("named", health.Unknown)
		time.Sleep(10 * time.Second)
		is("named", health.Down)
		ahead.Store(int64(25 * time.Hour)) // without each of their seconds
		time.Sleep(2 * time.Second)
		if _, ok := state(h, "service/taken"); ok {
			t.Error("a service that was silent for a day is still there")
		}
		is("named", health.Down)
		closeHub(t, h)
		var names []string
		for name, err := range st.HealthNames(t.Context(), ever) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		if fmt.Sprint(names) != "[found named service/taken taken]" {
			t.Errorf("the history has %v", names)
		}
	})
}

// A service's own results are kept; only the hub may speak for the hub.
func TestHealthOfServicesIsKept(t *testing.T) {
	st := storetest.NewOracle()
	h := open(t, st, setup{})
	at := noon.Add(-time.Minute).UnixMilli()
	b := wire.Batch{Instance: "a", Sequence: 1, Health: []wire.HealthResult{
		{Service: "orders", Check: "stock", Status: health.Healthy, From: at, To: at},
		{Service: "orders", Check: "old", Status: health.Healthy, From: 1, To: 2},
		{Service: "orders", Check: "new", Status: health.Healthy, From: at + 48*3600_000, To: at + 48*3600_000},
	}}
	for range 2 {
		if err := h.Ship(t.Context(), b.AppendBinary(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if got := storetest.Health(t, st, store.HealthQuery{Window: ever}); len(got) != 1 || !strings.Contains(got[0], "stock") {
		t.Errorf("got %q", got)
	}
	if c := &h.intake.Counters; c.HealthRows.Load() != 1 || c.HealthLate.Load() != 2 || c.Duplicates.Load() != 1 {
		t.Errorf("%d kept, %d late", c.HealthRows.Load(), c.HealthLate.Load())
	}
	forged := wire.Batch{Instance: "a", Sequence: 2, Health: []wire.HealthResult{{Check: "database", Status: health.Down, From: at, To: at}}}
	var f *wire.FieldError
	if err := h.Ship(t.Context(), forged.AppendBinary(nil)); !errors.As(err, &f) || f.Field != "health[0].service" {
		t.Errorf("got %v", err)
	}
	var err error
	for i := 0; i < 1001 && err == nil; i++ {
		many := wire.Batch{Instance: "a", Sequence: uint64(10 + i), Health: []wire.HealthResult{{Service: fmt.Sprint("s", i), Status: health.Healthy, From: at, To: at}}}
		err = h.Ship(t.Context(), many.AppendBinary(nil))
	}
	if !errors.As(err, &f) || !strings.Contains(f.Field, "service") {
		t.Errorf("a thousand and one services: %v", err)
	}
}

// sick is a store that refuses batches while it is sick.
type sick struct {
	store.Store
	mu    sync.Mutex
	sick  bool
	tries int
}

func (s *sick) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tries++; s.sick {
		return nil, store.ErrUnavailable
	}
	return s.Store.Append(ctx, batches...)
}

func (s *sick) set(ill bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sick = ill
}

// Trouble with the store changes no status, and results of that time are kept.
func TestTroubleOfTheStoreIsNoStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		oracle := storetest.NewOracle()
		st := &sick{Store: lasting{oracle}}
		h := open(t, st, setup{now: time.Now, checks: []config.Check{check("disk", disk, time.Second)}})
		time.Sleep(2 * time.Minute)
		st.set(true)
		time.Sleep(10 * time.Minute)
		if c, _ := state(h, "disk"); c.Status != health.Healthy || time.Since(c.CheckedAt) > 2*time.Second {
			t.Errorf("got %+v", c)
		}
		if n := st.tries; n > 60 {
			t.Errorf("the store was asked %d times in 12 minutes", n)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/health", nil))
		var answer health.Answer
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Status != health.Healthy {
			t.Errorf("got %s", w.Body)
		}
		st.set(false)
		time.Sleep(2 * time.Minute)
		closeHub(t, h)
		var last int64
		for r, err := range oracle.Health(context.Background(), store.HealthQuery{Window: ever}) {
			if err != nil {
				t.Fatal(err)
			}
			if last != 0 && r.From != last {
				t.Errorf("a gap of %d ms", r.From-last)
			}
			last = r.To
		}
		if kept, lost := h.checks.history.rows(); lost != 0 || kept < 4 {
			t.Errorf("%d results kept, %d lost", kept, lost)
		}
	})
}

// While the store refuses batches, one line of the log says so, and one that it is over,
// whatever comes meanwhile.
func TestRefusalIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &sick{Store: lasting{storetest.NewOracle()}}
		var log bytes.Buffer
		s := setup{now: time.Now, checks: []config.Check{check("disk", disk, time.Second)}}
		o := s.options()
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		h, err := New(st, s.config(t), o)
		if err != nil {
			t.Fatal(err)
		}
		sequence, refused := uint64(0), 0
		post := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				sequence++
				b := wire.Batch{Instance: "a", Sequence: sequence}
				if h.Ship(t.Context(), b.AppendBinary(nil)) != nil {
					refused++
				}
			}
		}
		post(time.Minute)
		st.set(true)
		post(time.Minute)
		st.set(false)
		post(time.Minute)
		closeHub(t, h)
		if refused != 60 {
			t.Errorf("%d batches were refused", refused)
		}
		var got []string
		for line := range strings.Lines(log.String()) {
			_, line, _ = strings.Cut(line, " ")
			got = append(got, regexp.MustCompile(`refused_batches=\d+`).ReplaceAllString(strings.TrimSpace(line), "refused_batches=N"))
		}
		want := []string{
			`level=ERROR msg="the store refuses batches; senders keep them" error="store is unavailable"`,
			`level=INFO msg="the store takes batches again" after="59 s" refused_batches=N`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("logged:\n%s", strings.Join(got, "\n"))
		}
	})
}

// Results that cannot be kept when the hub closes are counted and logged.
func TestCloseWithASickStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &sick{Store: storetest.NewOracle()}
		s := setup{now: time.Now, checks: []config.Check{check("disk", disk, 0)}}
		h, err := New(st, s.config(t), s.options())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		st.set(true)
		time.Sleep(5 * time.Minute)
		if err := h.Close(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "results of checks were not stored") {
			t.Errorf("Close: %v", err)
		}
		if _, lost := h.checks.history.rows(); lost == 0 {
			t.Error("nothing is counted as lost")
		}
	})
}
