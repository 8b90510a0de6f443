package kymo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"testing"

	"github.com/kymohq/kymo/internal/racetest"
)

// TestAllocations counts the allocations of a request, from a server and otherwise.
func TestAllocations(t *testing.T) {
	mux := func(handle http.HandlerFunc) *http.ServeMux {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /users/{id}", handle)
		return mux
	}
	answers := func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = plain
		w.WriteHeader(200)
		io.WriteString(w, "hello")
		w.Write(answer)
	}
	says := func(w http.ResponseWriter, r *http.Request) {
		SetUser(w, "alice")
		SetRouteContext(r.Context(), "/people/{id}")
		answers(w, r)
	}
	m, _ := monitor(t)
	allocations := func(h http.Handler, template *http.Request) float64 {
		w, r := &discard{make(http.Header)}, new(http.Request)
		return testing.AllocsPerRun(500, func() {
			clear(w.header)
			*r = *template
			h.ServeHTTP(w, r)
		})
	}
	for _, test := range []struct {
		name   string
		handle http.HandlerFunc
		served bool
		most   float64
	}{
		{"from the server", answers, true, 1},
		{"with a user and a route", says, true, 2},
		{"behind others", answers, false, 3}, // with two for the path value that is copied back
	} {
		bare := allocations(mux(test.handle), benchRequest())
		h := m.Middleware(mux(test.handle))
		r := benchRequest()
		if test.served {
			r = servedRequest(h)
		}
		// The race detector makes sync.Pool forget at random, and encoding runs beside.
		if got := allocations(h, r) - bare; got > test.most && !racetest.Enabled {
			t.Errorf("%s: %v allocations", test.name, got)
		}
	}
}

// TestMemoryIsBounded fills everything: buffers, batch and queue.
func TestMemoryIsBounded(t *testing.T) {
	before := heap()
	m := New("test", WithSink(unusable{errAway}), WithLogger(slog.New(slog.DiscardHandler)))
	mux := http.NewServeMux()
	n := 0
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		n++
		SetUser(w, fmt.Sprintf("01234567-89ab-cdef-0123-%012d", n%20_000))
	})
	h := m.Middleware(mux)
	w, r := &discard{make(http.Header)}, benchRequest()
	for m.Stats().Dropped == 0 || m.Stats().Queued < defaultQueue*9/10 {
		for range 1000 {
			clear(w.header)
			h.ServeHTTP(w, r)
		}
		runtime.Gosched()
	}
	if used := heap() - before; used > 4e6 {
		t.Errorf("%d bytes are in use", used)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.Close(ctx); err == nil {
		t.Error("everything was shipped")
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // the second empties what pools kept
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
