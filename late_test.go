package kymo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// returning is a framework whose handlers return errors, which it writes through
// the writer that they were given once its middlewares have returned.
func returning(middleware func(http.Handler) http.Handler, handle func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		within := w
		middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			within = w
			err = handle(w, r)
		})).ServeHTTP(w, r)
		if err != nil {
			http.Error(within, err.Error(), http.StatusConflict)
		}
	})
}

func TestErrorsThatAreWrittenAfterwards(t *testing.T) {
	const requests = 200
	for _, p := range protocols {
		m, sink := monitor(t)
		h := returning(m.Middleware, func(w http.ResponseWriter, r *http.Request) error {
			SetUser(w, r.URL.RawQuery)
			return fmt.Errorf("taken: %s", r.URL.RawQuery)
		})
		s := p.server(h)
		var wg sync.WaitGroup
		for c := range 4 {
			wg.Go(func() {
				for i := range requests / 4 {
					id := fmt.Sprintf("%d-%d", c, i)
					resp, body := get(t, s.Client(), "GET", s.URL+"?"+id)
					if resp.StatusCode != 409 || body != "taken: "+id+"\n" || resp.Header.Get(responseTime) == "" {
						t.Errorf("%s: answered %d %q %v", p.name, resp.StatusCode, body, resp.Header)
					}
				}
			})
		}
		wg.Wait()
		s.Close()
		closeMonitor(t, m)
		users := make(map[string]bool)
		for _, r := range sink.kept() {
			users[r.User] = true
			if r.Status != 409 {
				t.Errorf("%s: recorded %+v", p.name, r)
			}
		}
		if len(users) != requests || len(sink.kept()) != requests {
			t.Errorf("%s: %d recorded, of %d users", p.name, len(sink.kept()), len(users))
		}
	}
}

func TestResponsesThatNothingIsWrittenTo(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(m *Monitor, cancel func())
	}{
		{"the context ends", func(_ *Monitor, cancel func()) { cancel(); synctest.Wait() }},
		{"the monitor is closed", func(*Monitor, func()) {}},
	} {
		synctest.Test(t, func(t *testing.T) {
			m, sink := monitor(t)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var writer http.ResponseWriter
			rec := httptest.NewRecorder()
			m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				writer = w
				r.Pattern = "/x"
			})).ServeHTTP(rec, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
			if n := m.Stats().Recorded; n != 0 {
				t.Errorf("%s: %d recorded before the response was complete", test.name, n)
			}
			if !SetUser(writer, "carol") {
				t.Errorf("%s: the request was over too soon", test.name)
			}
			test.end(m, cancel)
			got := one(t, m, sink)
			if got.Status != 200 || got.Endpoint != "/x" || got.User != "carol" {
				t.Errorf("%s: recorded %+v", test.name, got)
			}
			// What comes now only reaches the writer below.
			io.WriteString(writer, "late")
			if rec.Body.String() != "late" || m.Stats().Recorded != 1 {
				t.Errorf("%s: wrote %q, %d recorded", test.name, rec.Body, m.Stats().Recorded)
			}
			cancel()
			synctest.Wait()
		})
	}
}

// TestStrayGoroutine writes to http.TimeoutHandler's writer, which is safe for
// concurrent use, while the middleware returns.
func TestStrayGoroutine(t *testing.T) {
	m, sink := monitor(t)
	var stray sync.WaitGroup
	h := http.TimeoutHandler(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := make(chan struct{})
		stray.Go(func() {
			close(started)
			for range 10 {
				w.Write([]byte("x"))
			}
		})
		<-started
	})), 1<<40, "")
	const requests = 300
	s, stop := serve(t, h)
	for range requests {
		get(t, s.Client(), "GET", s.URL)
	}
	stop()
	stray.Wait()
	closeMonitor(t, m)
	if n := len(sink.kept()); n != requests {
		t.Errorf("%d recorded", n)
	}
}

// answeredLate serves a request whose handler returns without a response, which
// after writes behind the middleware, as a framework's error handler does.
func answeredLate(t *testing.T, m *Monitor, handler, after func(w http.ResponseWriter, r *http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec := httptest.NewRecorder()
	var given http.ResponseWriter
	var within *http.Request
	m.Serve(rec, httptest.NewRequestWithContext(ctx, "GET", "/users/7", nil), func(w http.ResponseWriter, r *http.Request) {
		given, within = w, r
		r.Pattern = "/users/:id"
		handler(w, r)
	})
	after(given, within)
	return rec
}

func silent(http.ResponseWriter, *http.Request) {}

// expect is what an adapter says of a response that is not written yet.
func expect(m *Monitor, r *http.Request, status int) {
	_, x := m.Begin(r.Context())
	x.End(Request{Status: status})
}

func TestResponseAfterTheHandler(t *testing.T) {
	write := func(status int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, "one")
			io.WriteString(w, "two")
		}
	}
	for _, test := range []struct {
		name     string
		expected int
		after    func(http.ResponseWriter, *http.Request)
		status   int
		size     int64
	}{
		{"nothing", 0, silent, 200, 0},
		{"an error", 0, write(409), 409, 6},
		{"expected", 404, silent, 404, 0},
		{"as expected", 404, write(404), 404, 6},
		{"other than expected", 500, write(422), 422, 6},
		{"body alone", 0, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }, 200, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, sink := monitor(t)
			w := answeredLate(t, m, func(_ http.ResponseWriter, r *http.Request) {
				if test.expected != 0 {
					expect(m, r, test.expected)
				}
			}, test.after)
			if w.Header().Get("X-Response-Time") == "" {
				t.Error("no X-Response-Time")
			}
			// Its context has ended, so Flush has it.
			if err := m.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
			kept := sink.kept()
			if len(kept) != 1 || kept[0].Status != test.status || kept[0].Size != test.size || kept[0].Endpoint != "/users/{id}" {
				t.Errorf("recorded %+v", kept)
			}
		})
	}
}

func TestExpectedStatusWithoutAContextThatEnds(t *testing.T) {
	m, sink := monitor(t)
	m.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), func(_ http.ResponseWriter, r *http.Request) {
		expect(m, r, 409)
	})
	if got := one(t, m, sink); got.Status != 409 {
		t.Errorf("recorded %+v", got)
	}
}

func TestCloseRecordsWhatWaits(t *testing.T) {
	m, sink := monitor(t)
	m.Serve(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), silent)
	if got := one(t, m, sink); got.Status != 200 {
		t.Errorf("recorded %+v", got)
	}
}

// A request may end while Close collects what waits: it is recorded by the one
// or the other, and never after the last batch.
func TestCloseWhileRequestsEnd(t *testing.T) {
	for range 50 {
		m, sink := monitor(t)
		ctx, cancel := context.WithCancel(context.Background())
		for range 20 {
			m.Serve(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil), silent)
		}
		cancel()
		closeMonitor(t, m)
		if n := len(sink.kept()); n != 20 {
			t.Fatalf("%d of 20 requests were kept: %+v", n, m.Stats())
		}
	}
}

// Some contexts end with the service only. What waits for them is bounded, in
// number and in time.
func TestContextsThatDoNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := monitor(t)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		serve := func(n int) {
			for range n {
				m.Serve(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil), silent)
			}
		}
		serve(maxWaiting)
		if n := m.Stats().Recorded; n != 0 {
			t.Errorf("%d recorded at once", n)
		}
		serve(3)
		if n := m.Stats().Recorded; n != 3 {
			t.Errorf("%d recorded for want of room, want 3", n)
		}
		time.Sleep(lateAtMost + collectEvery)
		synctest.Wait()
		if n, waiting := len(sink.kept()), m.waiting.list.Len(); n != maxWaiting+3 || waiting != 0 {
			t.Errorf("%d kept after some time, %d waiting", n, waiting)
		}
		cancel()
		synctest.Wait()
		closeMonitor(t, m)
		if n := len(sink.kept()); n != maxWaiting+3 {
			t.Errorf("%d kept in the end", n)
		}
	})
}

func TestAdaptersGetNoHints(t *testing.T) {
	log := new(logs)
	m, sink := monitor(t, WithLogger(log.logger()))
	m.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "found by no route")
	})
	if got := one(t, m, sink); got.Endpoint != "(unmatched)" || log.count("remedy") != 0 {
		t.Errorf("recorded %+v, logged %s", got, log.b.String())
	}
}
