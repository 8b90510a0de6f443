package kymo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"testing"
)

// TestNoAllocations compares a request with and without the middleware.
func TestNoAllocations(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		SetUser(w, "alice")
		SetRoute(w, "/people/{id}")
		w.Header()["Content-Type"] = plain
		w.WriteHeader(200)
		io.WriteString(w, "hello")
		w.Write(answer)
	})
	m, _ := monitor(t)
	allocations := func(h http.Handler) float64 {
		w, r := &discard{make(http.Header)}, benchRequest()
		return testing.AllocsPerRun(500, func() {
			clear(w.header)
			r.Pattern = ""
			h.ServeHTTP(w, r)
		})
	}
	bare, monitored := allocations(mux), allocations(m.Middleware(mux))
	// The race detector makes sync.Pool forget at random, and encoding runs beside.
	if monitored-bare >= 1 && !raceEnabled {
		t.Errorf("%v allocations, %v without the middleware", monitored, bare)
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
