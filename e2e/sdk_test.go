package e2e

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

// tap is a proxy between the SDK and a hub that keeps the batches which the hub
// acknowledged, each once.
type tap struct {
	t   *testing.T
	hub *hub

	mu     sync.Mutex
	known  map[string]bool
	events []event
}

func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Errorf("reading a batch: %v", err)
	}
	a, err := p.hub.post(r.URL.Path, bytes.NewReader(body), "Content-Type", r.Header.Get("Content-Type"))
	if err != nil {
		p.t.Errorf("passing on a batch: %v", err)
	}
	if a.status == http.StatusAccepted {
		p.keep(body)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // A service that does not get it asks again.
}

func (p *tap) keep(body []byte) {
	var b wire.Batch
	if err := wire.Decode(body, &b); err != nil {
		p.t.Errorf("the hub took a batch that is none: %v", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	id := b.Instance + " " + strconv.FormatUint(b.Sequence, 10)
	if p.known[id] {
		return
	}
	p.known[id] = true
	for i := range b.Len() {
		q := b.Request(i)
		p.events = append(p.events, event{
			series{q.Service, q.Endpoint, q.Method}, q.Status, q.Start, int64(q.Duration), q.User,
		})
	}
}

// The SDK's records of real requests are right, and the hub's numbers about them are
// exact: over instances, services and a restart.
func TestSDK(t *testing.T) {
	r := random(t)
	h := startHub(t, t.TempDir())
	p := &tap{t: t, hub: h, known: make(map[string]bool)}
	between := httptest.NewServer(p)
	defer between.Close()

	services := []*service{ // the first two are instances of one
		newService(t, "orders", between.URL), newService(t, "orders", between.URL), newService(t, "stock", between.URL),
	}
	var seen []event
	for _, s := range services {
		for range 700 {
			if err := s.ask(r, 2_000_000); err != nil {
				t.Fatal(err)
			}
		}
		s.mustClose()
		seen = append(seen, s.seen...)
	}

	// Every request's time within the middleware is at most that around it, so
	// the same holds for the shortest of each, the second shortest, and so on.
	noted, actual := byKind(p.events), byKind(seen)
	if len(noted) < len(kinds) {
		t.Errorf("only %d kinds of requests were noted", len(noted))
	}
	for kind, durations := range noted {
		if len(durations) != len(actual[kind]) {
			t.Errorf("%v: the SDK notes %d requests of %d", kind, len(durations), len(actual[kind]))
			continue
		}
		for i, d := range durations {
			if d <= 0 || d > actual[kind][i] {
				t.Errorf("%v: the SDK notes %d ns as the %d-th shortest; with the middleware it took %d", kind, d, i, actual[kind][i])
			}
		}
	}
	if got, want := byUser(p.events), byUser(seen); !maps.Equal(got, want) {
		t.Errorf("the SDK notes the users %v, want %v", got, want)
	}
	first := slices.MinFunc(seen, func(a, b event) int { return int(a.start - b.start) }).start
	last := slices.MaxFunc(seen, func(a, b event) int { return int(a.start - b.start) }).start
	for _, e := range p.events {
		if e.start < first || e.start > last+1 {
			t.Errorf("the SDK notes a start at %d; they were from %d to %d", e.start, first, last)
		}
	}

	o := new(oracle)
	o.add(p.events...)
	o.checkAll(t, h, 1)
	h.kill()
	h.start()
	o.checkAll(t, h, 168)
}

// kindOf returns the properties that the SDK and the wrapper around it must agree on.
type kindOf struct {
	series
	status int
}

// byKind returns the sorted durations of each kind.
func byKind(events []event) map[kindOf][]int64 {
	kinds := make(map[kindOf][]int64)
	for i := range events {
		k := kindOf{events[i].series, events[i].status}
		kinds[k] = append(kinds[k], events[i].duration)
	}
	for _, durations := range kinds {
		slices.Sort(durations)
	}
	return kinds
}

// byUser counts the requests of each user.
func byUser(events []event) map[string]int {
	users := make(map[string]int)
	for i := range events {
		users[events[i].service+" "+events[i].user]++
	}
	return users
}
