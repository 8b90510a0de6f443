package kymotest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo"
)

// wrong is the standard adapter with a fault: its middleware is fault.
func wrong(fault func(m *kymo.Monitor, next http.Handler) http.Handler) Adapter {
	return Adapter{New: func(s Setup) http.Handler {
		return around(s, routes(), func(h http.Handler) http.Handler { return fault(s.Monitor, h) })
	}}
}

// faulty is m.Middleware around a handler that does something wrong.
func faulty(do func(w http.ResponseWriter, r *http.Request, next http.Handler)) Adapter {
	return wrong(func(m *kymo.Monitor, next http.Handler) http.Handler {
		return m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { do(w, r, next) }))
	})
}

// deaf is a ResponseWriter whose Flush does nothing.
type deaf struct{ http.ResponseWriter }

func (deaf) Flush() {}

// TestFindsFaults gives the suite adapters that it must refuse.
func TestFindsFaults(t *testing.T) {
	for _, test := range []struct {
		fault   string
		adapter Adapter
		in      string // the case that finds it
		says    string
	}{
		{"records nothing", wrong(func(_ *kymo.Monitor, next http.Handler) http.Handler { return next }),
			"get", "0 requests were recorded"},
		{"is there without a monitor", Adapter{New: func(Setup) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Response-Time", "1ms")
				routes().ServeHTTP(w, r)
			})
		}}, "get", "although Setup.Monitor is nil"},
		{"records twice", wrong(func(m *kymo.Monitor, next http.Handler) http.Handler {
			return m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				m.Record(kymo.Request{Route: r.Pattern})
			}))
		}), "get", "2 requests were recorded"},
		{"records paths", faulty(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			kymo.SetRoute(w, r.URL.Path)
			next.ServeHTTP(w, r)
		}), "get", "Endpoint was recorded as /users/7, want /users/{id}"},
		{"makes routes of what matched none", faulty(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(w, r)
			if r.Pattern == "" {
				r.Pattern = "/*"
			}
		}), "no route", "want (unmatched)"},
		{"changes a header", faulty(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("Via", "kymo")
			next.ServeHTTP(w, r)
		}), "nothing", "the response differs"},
		{"changes the body", faulty(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(w, r)
			fmt.Fprint(w, " ")
		}), "get", "the response differs"},
		{"has no X-Response-Time", wrong(func(m *kymo.Monitor, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				m.Record(kymo.Request{Route: r.Pattern})
			})
		}), "nothing", "X-Response-Time []"},
		{"records a status too early", wrong(func(m *kymo.Monitor, next http.Handler) http.Handler {
			return m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, x := m.Begin(r.Context())
				x.End(kymo.Request{Status: 200})
				next.ServeHTTP(w, r)
			}))
		}), "fails", "Status was recorded as 200, want 409"},
		{"swallows panics", faulty(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			defer func() { recover() }()
			next.ServeHTTP(w, r)
		}), "panic", "the response differs"},
		{"does not flush", faulty(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(deaf{w}, r)
		}), "events", "with the adapter"},
		{"makes all responses streams", faulty(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			kymo.SetStream(w)
			next.ServeHTTP(w, r)
		}), "get", "is it a stream? false"},
		{"keeps connections", faulty(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(struct {
				http.ResponseWriter
				http.Flusher
			}{w, w.(http.Flusher)}, r)
		}), "upgrade", "the response differs"},
	} {
		t.Run(test.fault, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(cases, func(c testCase) bool { return c.name == test.in })
			err := cases[i].verify(test.adapter, protocols[0], 2*time.Second)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the suite says %v, want %q", err, test.says)
			}
		})
	}
}

// The crowd finds what one request at a time does not show.
func TestFindsCrossing(t *testing.T) {
	last := make(chan string, 1)
	last <- "nobody"
	crossing := faulty(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(w, r)
		if id := r.PathValue("id"); id != "" {
			kymo.SetUser(w, <-last)
			last <- id
		}
	})
	if err := verifyCrowd(crossing, protocols[0], patience); err == nil || !strings.Contains(err.Error(), "recorded GET") {
		t.Errorf("the suite says %v", err)
	}
	lossy := wrong(func(m *kymo.Monitor, next http.Handler) http.Handler {
		return m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/fails" {
				kymo.Ignore(w)
			}
			next.ServeHTTP(w, r)
		}))
	})
	if err := verifyCrowd(lossy, protocols[1], patience); err == nil || !strings.Contains(err.Error(), "288 of 360") {
		t.Errorf("the suite says %v", err)
	}
}

func TestWrongAdapters(t *testing.T) {
	for _, test := range []struct {
		adapter Adapter
		says    string
	}{
		{Adapter{}, "New is nil"},
		{Adapter{New: standard.New, Unsupported: map[Feature]string{"flying": "too heavy"}}, `"flying", which is not a Feature`},
		{Adapter{New: standard.New, Unsupported: map[Feature]string{Streams: ""}}, `no reason for "streams"`},
	} {
		if err := test.adapter.validate(); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("it is %v, want %q", err, test.says)
		}
	}
}

func TestUnsupportedIsSkipped(t *testing.T) {
	a := Adapter{New: standard.New, Unsupported: map[Feature]string{Mounts: "there is one router only"}}
	for features, want := range map[string]bool{"mounts": true, "streams": false} {
		skipped := false
		t.Run(features, func(t *testing.T) {
			defer func() { skipped = t.Skipped() }()
			a.need(t, []Feature{Feature(features)})
		})
		if skipped != want {
			t.Errorf("%s: skipped is %v", features, skipped)
		}
	}
	// A crowd has no members of teams then.
	for n := range 10 {
		if c := a.crowdRequest(n); strings.HasPrefix(c.target, "/teams") {
			t.Errorf("request %d is %+v", n, c)
		}
	}
}
