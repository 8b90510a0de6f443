package e2e

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	sdk "github.com/kymohq/kymo"
)

// service is a web service that uses the SDK, behind a server of its own, with
// a wrapper around the middleware that notes what the SDK should.
type service struct {
	t       *testing.T
	name    string
	monitor *sdk.Monitor
	server  *httptest.Server
	client  *http.Client

	mu       sync.Mutex
	seen     []event         // with the time that the middleware took in all
	overhead []time.Duration // of that time, what was not the handler's
	longest  time.Duration   // that a client waited
}

// kinds are the requests that clients make: %d is a number, which is also how
// many microseconds the handler takes.
var kinds = []struct {
	method, path, endpoint string
	status                 int
}{
	{"GET", "/orders/%d", "/orders/{id}", 200},
	{"GET", "/orders/%d", "/orders/{id}", 200},
	{"GET", "/orders/%d/lines/9", "/orders/{id}/lines/{line}", 200},
	{"POST", "/orders?wait=%d", "/orders", 201},
	{"DELETE", "/orders/%d", "/orders/{id}", 503},
	{"GET", "/orders/none?wait=%d", "/orders/none", 404},
	{"GET", "/nowhere/%d", "(unmatched)", 404},
}

// newService starts a service that reports to a hub.
func newService(t *testing.T, name, hub string) *service {
	t.Helper()
	s := &service{t: t, name: name}
	s.monitor = sdk.New(name, sdk.WithHub(hub), sdk.WithLogger(slog.New(slog.DiscardHandler)))
	mux := http.NewServeMux()
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			sdk.SetUser(w, r.Header.Get("From"))
			wait, _ := strconv.Atoi(r.PathValue("id") + r.FormValue("wait"))
			<-time.After(time.Duration(wait) * time.Microsecond)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "done\n") // The client is still there, or it counts in neither's favor.
		}
	}
	mux.Handle("GET /orders/{id}", answer(200))
	mux.Handle("GET /orders/{id}/lines/{line}", answer(200))
	mux.Handle("POST /orders", answer(201))
	mux.Handle("DELETE /orders/{id}", answer(503))
	mux.Handle("GET /orders/none", answer(404))
	s.server = httptest.NewServer(s.outside(s.monitor.Middleware(inside(mux))))
	s.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	t.Cleanup(func() { s.close() })
	return s
}

type handlerTime struct{}

// outside notes what goes through the middleware.
func (s *service) outside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, err := strconv.Atoi(r.Header.Get("Kind"))
		if err != nil {
			s.t.Errorf("a request without a kind: %v", err)
			return
		}
		var inner time.Duration
		begun := time.Now()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), handlerTime{}, &inner)))
		took := time.Since(begun)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen = append(s.seen, event{
			series: series{s.name, kinds[kind].endpoint, kinds[kind].method},
			status: kinds[kind].status, start: begun.UnixMilli(), duration: int64(took), user: r.Header.Get("From"),
		})
		if kinds[kind].endpoint == "(unmatched)" {
			s.seen[len(s.seen)-1].user = "" // No handler of ours said who it was.
		}
		s.overhead = append(s.overhead, took-inner)
	})
}

// inside notes how long the handler takes.
func inside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		next.ServeHTTP(w, r)
		*r.Context().Value(handlerTime{}).(*time.Duration) = time.Since(begun)
	})
}

// ask makes one request of a random kind that takes the handler up to a given time.
func (s *service) ask(r *rand.Rand, most time.Duration) error {
	i := r.IntN(len(kinds))
	path := fmt.Sprintf(kinds[i].path, r.Int64N(most.Microseconds()))
	req, err := http.NewRequest(kinds[i].method, s.server.URL+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Kind", strconv.Itoa(i))
	req.Header.Set("From", fmt.Sprintf("user-%d", r.IntN(40)))
	begun := time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != kinds[i].status || resp.Header.Get("X-Response-Time") == "" {
		return fmt.Errorf("%s %s: %s, X-Response-Time %q", req.Method, path, resp.Status, resp.Header.Get("X-Response-Time"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longest = max(s.longest, time.Since(begun))
	return nil
}

// use makes requests, one each tick, until stop is closed.
func (s *service) use(r *rand.Rand, every time.Duration, stop <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-s.t.Context().Done():
			return
		case <-tick.C:
		}
		if err := s.ask(r, 3*time.Millisecond); err != nil {
			s.t.Errorf("service %s: %v", s.name, err)
			return
		}
	}
}

// close ends the service in the proper order, and returns the SDK's stats.
func (s *service) close() (sdk.Stats, error) {
	s.server.Close()
	s.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := s.monitor.Close(ctx)
	return s.monitor.Stats(), err
}

// mustClose ends the service, which must not have lost anything.
func (s *service) mustClose() {
	s.t.Helper()
	stats, err := s.close()
	n := uint64(len(s.seen))
	if err != nil || n == 0 || stats.Recorded != n || stats.Shipped != n || stats.Dropped != 0 || stats.Pending != 0 {
		s.t.Errorf("service %s served %d requests; the SDK says %+v, %v", s.name, n, stats, err)
	}
}

// counts returns how many requests each series should have.
func (s *service) counts() map[series]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[series]int)
	for i := range s.seen {
		counts[s.seen[i].series]++
	}
	return counts
}

// checkCounts compares how many requests the hub has with what it was sent, in total and
// for each series.
func checkCounts(t *testing.T, h *hub, when string, sent ...map[series]int) {
	t.Helper()
	want, total := make(map[series]int), 0
	for _, counts := range sent {
		for s, n := range counts {
			want[s] += n
			total += n
		}
	}
	got := h.counts(168)
	if !maps.Equal(got, want) {
		for s, n := range want {
			if got[s] != n {
				t.Errorf("%s: %v has %d requests, want %d", when, s, got[s], n)
			}
			delete(got, s)
		}
		for s, n := range got {
			t.Errorf("%s: %v has %d requests that were never sent", when, s, n)
		}
	}
	p := h.report(168, nil)
	if p.TotalRequests != total || p.Trust.Dropped != 0 {
		t.Errorf("%s: %d requests in all, %d dropped; want %d and none", when, p.TotalRequests, p.Trust.Dropped, total)
	}
}
