package kymo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

func TestRecordsWhatTheClientSees(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "user "+r.PathValue("id"))
	})
	mux.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("/nothing", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/empty", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/cached", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotModified) })
	mux.HandleFunc("/fails", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "sorry", http.StatusServiceUnavailable) })
	mux.HandleFunc("/overridden", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Response-Time", "never")
		w.Write(nil)
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	})
	mux.Handle("/dir/", nothing)

	for _, p := range protocols {
		for _, test := range []struct {
			method, target, endpoint string
			status                   int
			size                     int64
		}{
			{"GET", "/users/42", "/users/{id}", 200, 7},
			{"HEAD", "/users/42", "/users/{id}", 200, 0},
			{"POST", "/users", "/users", 201, 0},
			{"GET", "/nothing", "/nothing", 200, 0},
			{"GET", "/empty", "/empty", 204, 0},
			{"GET", "/cached", "/cached", 304, 0},
			{"GET", "/fails", "/fails", 503, 6},
			{"GET", "/overridden", "/overridden", 200, 0},
			{"GET", "/hints", "/hints", 202, 0},
			{"BREW", "/nothing", "/nothing", 200, 0},
			{"GET", "/wp-login.php", wire.Unmatched, 404, 19},
			{"PUT", "/users/42", wire.Unmatched, 405, 19},
		} {
			t.Run(p.name+" "+test.method+" "+test.target, func(t *testing.T) {
				m, sink := monitor(t)
				s := p.server(m.Middleware(mux))
				defer s.Close()
				resp, body := get(t, s.Client(), test.method, s.URL+test.target)
				s.Close()
				if v := resp.Header["X-Response-Time"]; len(v) != 1 || !regexp.MustCompile(`^\d+ms$`).MatchString(v[0]) {
					t.Errorf("X-Response-Time is %q", v)
				}
				if resp.StatusCode != test.status || int64(len(body)) != test.size {
					t.Errorf("the client saw %d with %d bytes", resp.StatusCode, len(body))
				}
				got := one(t, m, sink)
				want := wire.Key{Service: "test", Endpoint: test.endpoint, Method: wire.KnownMethod(test.method), Status: test.status}
				if got.Key != want || got.Size != test.size {
					t.Errorf("recorded %+v", got)
				}
				if got.Duration <= 0 || got.FirstByte <= 0 || got.FirstByte > got.Duration || got.Lifetime != 0 {
					t.Errorf("recorded times %+v", got)
				}
			})
		}
	}
}

func TestRedirectOfTheMuxIsRecorded(t *testing.T) {
	m, sink := monitor(t)
	mux := http.NewServeMux()
	mux.Handle("/dir/", nothing)
	w := do(m.Middleware(mux), "GET", "/dir")
	if w.Code/100 != 3 || w.Header().Get("X-Response-Time") == "" {
		t.Errorf("answered %d, %v", w.Code, w.Header())
	}
	if got := one(t, m, sink); got.Status != w.Code || got.Endpoint != "/dir/" {
		t.Errorf("recorded %+v", got)
	}
}

func TestFirstStatusCounts(t *testing.T) {
	m, sink := monitor(t)
	w := do(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusTeapot)
	})), "GET", "/")
	if got := one(t, m, sink); got.Status != 201 || w.Code != 201 {
		t.Errorf("answered %d, recorded %+v", w.Code, got)
	}
}

func TestInformationalResponsesCarryNoTime(t *testing.T) {
	m, sink := monitor(t)
	s, stop := serve(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "x")
	})))
	var early []textproto.MIMEHeader
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error { early = append(early, h); return nil },
	})
	req, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	stop()
	if len(early) != 1 || early[0].Get("X-Response-Time") != "" || resp.Header.Get("X-Response-Time") == "" {
		t.Errorf("early %v, final %v", early, resp.Header)
	}
	if got := one(t, m, sink); got.Status != 200 {
		t.Errorf("recorded %+v", got)
	}
}

func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := monitor(t, WithServerTiming())
		began := time.Now()
		w := httptest.NewRecorder()
		w.Header().Set("Server-Timing", "db;dur=1")
		m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(1512345 * time.Microsecond)
			io.WriteString(w, "x")
			time.Sleep(time.Second)
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if v := w.Header().Get("X-Response-Time"); v != "1512ms" {
			t.Errorf("X-Response-Time is %q", v)
		}
		if v := w.Header()["Server-Timing"]; len(v) != 2 || v[0] != "db;dur=1" || v[1] != "total;dur=1512.3" {
			t.Errorf("Server-Timing is %q", v)
		}
		got := one(t, m, sink)
		if got.Start != began.UnixMilli() || got.Duration != 2512345*time.Microsecond || got.FirstByte != 1512345*time.Microsecond {
			t.Errorf("recorded %+v", got)
		}
	})
}

func TestEventStreamCountsByItsFirstByte(t *testing.T) {
	for _, contentType := range []string{"text/event-stream", "Text/Event-Stream; charset=utf-8"} {
		synctest.Test(t, func(t *testing.T) {
			m, sink := monitor(t)
			ctx, cancel := context.WithCancel(context.Background())
			w := httptest.NewRecorder()
			m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(20 * time.Millisecond)
				w.Header().Set("Content-Type", contentType)
				w.(http.Flusher).Flush()
				time.Sleep(time.Hour)
				io.WriteString(w, "data: x\n\n")
				cancel() // a stream ends so, it is no failure
			})).ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/events", nil))
			got := one(t, m, sink)
			if got.Duration != 20*time.Millisecond || got.FirstByte != got.Duration ||
				got.Lifetime != time.Hour+20*time.Millisecond || got.Status != 200 || got.Size != 9 {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

func TestClientGone(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			m, sink := monitor(t)
			entered, returned := make(chan struct{}), make(chan struct{})
			h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(entered)
				<-r.Context().Done()
				w.WriteHeader(http.StatusInternalServerError)
			}))
			s := p.server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(returned)
				h.ServeHTTP(w, r)
			}))
			defer s.Close()
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				<-entered
				cancel()
			}()
			req, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
			if resp, err := s.Client().Do(req); err == nil {
				t.Fatal("answered", resp.Status)
			}
			<-returned // a server waits for no handler of HTTP/2
			if got := one(t, m, sink); got.Status != wire.ClientClosed {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

func TestDeadlineIsNotTheClient(t *testing.T) {
	m, sink := monitor(t)
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	m.Middleware(nothing).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	if got := one(t, m, sink); got.Status != 200 {
		t.Errorf("recorded %+v", got)
	}
}

func TestPanicGoesOnAndIsRecorded(t *testing.T) {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for _, test := range []struct {
		name   string
		ctx    context.Context
		value  any
		wrote  bool
		status int
	}{
		{"before the header", context.Background(), "oops", false, 500},
		{"after the header", context.Background(), errors.New("oops"), true, 500},
		{"uncomparable", context.Background(), []int{1}, false, 500},
		{"abort", context.Background(), http.ErrAbortHandler, true, 500},
		{"abort, client gone", gone, http.ErrAbortHandler, true, 499},
		{"panic, client gone", gone, "oops", false, 500},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, sink := monitor(t)
			h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.wrote {
					w.WriteHeader(200)
				}
				panic(test.value)
			}))
			w := httptest.NewRecorder()
			func() {
				defer func() {
					if v := recover(); fmt.Sprint(v) != fmt.Sprint(test.value) {
						t.Errorf("the panic became %v", v)
					}
				}()
				h.ServeHTTP(w, httptest.NewRequestWithContext(test.ctx, "GET", "/", nil))
			}()
			if w.Header().Get("X-Response-Time") == "" {
				t.Error("a response after recovery has no X-Response-Time")
			}
			if got := one(t, m, sink); got.Status != test.status {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

func TestPanicOnARealServer(t *testing.T) {
	m, sink := monitor(t)
	s, stop := serve(t, m.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oops") })))
	if resp, err := s.Client().Get(s.URL); err == nil {
		t.Error("answered", resp.Status)
	}
	stop()
	if got := one(t, m, sink); got.Status != 500 {
		t.Errorf("recorded %+v", got)
	}
}

func TestHandlerThatEndsItsGoroutine(t *testing.T) {
	m, sink := monitor(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(m.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })), "GET", "/")
	}()
	<-done
	if got := one(t, m, sink); got.Status != 500 {
		t.Errorf("recorded %+v", got)
	}
}

func TestConcurrentRequestsAreAllKept(t *testing.T) {
	const clients, each = 8, 250
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			m, sink := monitor(t)
			mux := http.NewServeMux()
			mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
				SetUser(w, "user-"+r.PathValue("id"))
				io.WriteString(w, strings.Repeat("x", len(r.PathValue("id"))))
			})
			s := p.server(m.Middleware(mux))
			defer s.Close()
			var wg sync.WaitGroup
			for c := range clients {
				wg.Go(func() {
					for i := range each {
						req, _ := http.NewRequest("GET", fmt.Sprintf("%s/users/%d", s.URL, c*each+i), nil)
						resp, err := s.Client().Do(req)
						if err != nil {
							t.Error(err)
							return
						}
						io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
				})
			}
			wg.Wait()
			s.Close()
			closeMonitor(t, m)
			users := make(map[string]bool)
			for _, r := range sink.kept() {
				if users[r.User] || r.Endpoint != "/users/{id}" || r.Size != int64(len(r.User)-len("user-")) {
					t.Fatalf("kept %+v", r)
				}
				users[r.User] = true
			}
			if len(users) != clients*each {
				t.Errorf("%d of %d users", len(users), clients*each)
			}
			if st := m.Stats(); st.Recorded != clients*each || st.Shipped != st.Recorded || st.Dropped+st.Pending != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}
