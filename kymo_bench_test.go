package kymo

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"
)

// What the middleware costs: BenchmarkMiddleware less BenchmarkBareMux, in units of
// BenchmarkClockUnit. Requests come in bursts that the buffers can hold, and the
// collector works between them, outside of the time measured: nothing is dropped.
// What a request costs there is BenchmarkCollect.

// burst is how many requests a worker makes at once.
const burst = 1000

// discard is the least ResponseWriter, used again and again. The header's map is
// emptied for each request, as net/http makes a new one.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// WriteString spares both sides io.WriteString's copy.
func (d *discard) WriteString(s string) (int, error) { return len(s), nil }

type discardSink struct{}

func (discardSink) Ship(context.Context, []byte) error { return nil }

var (
	answer = []byte("hello")
	plain  = []string{"text/plain"}
)

// benchMux answers with a header of its own if typed. With one, bare mux and
// middleware both pay for emptying a map that is not empty, which is about 15 ns
// and otherwise looks like a cost of the middleware.
func benchMux(typed bool) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		if typed {
			w.Header()["Content-Type"] = plain
		}
		w.Write(answer)
	})
	return mux
}

func benchRequest() *http.Request {
	return &http.Request{Method: "GET", URL: &url.URL{Path: "/users/42"}, Host: "localhost", RequestURI: "/users/42", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

// servedRequest is a request as a server makes it, whose handler h is.
func servedRequest(h http.Handler) *http.Request {
	server := &http.Server{Handler: h}
	ctx := context.WithValue(context.Background(), http.ServerContextKey, server)
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, &net.TCPAddr{})
	conn, end := context.WithCancelCause(ctx)
	request, endRequest := context.WithCancelCause(conn)
	runtime.KeepAlive(end) // they last as long as the benchmark
	runtime.KeepAlive(endRequest)
	return benchRequest().WithContext(request)
}

// bursts reports the time of a request of one of the workers.
func bursts(b *testing.B, workers int, work func(n int), rest func()) {
	b.ReportAllocs()
	for b.Loop() {
		var done sync.WaitGroup
		for range workers - 1 {
			done.Go(func() { work(burst) })
		}
		work(burst)
		done.Wait()
		b.StopTimer()
		rest()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/burst, "ns/request")
}

// each runs a benchmark with one worker and with one on each processor.
func each(b *testing.B, work func(n int), rest func()) {
	b.Run("Alone", func(b *testing.B) { bursts(b, 1, work, rest) })
	b.Run("Contended", func(b *testing.B) { bursts(b, runtime.GOMAXPROCS(0), work, rest) })
}

// requests has h serve requests that are all alike. What restores the request
// costs both the bare mux and the middleware the same.
func requests(h http.Handler) func(n int) {
	template := servedRequest(h)
	return func(n int) {
		w, r := &discard{make(http.Header)}, new(http.Request)
		for range n {
			*r = *template
			clear(w.header)
			h.ServeHTTP(w, r)
		}
	}
}

// BenchmarkClockUnit is the unit: two readings of the clock.
func BenchmarkClockUnit(b *testing.B) {
	each(b, func(n int) {
		sum := time.Duration(0)
		for range n {
			sum += time.Since(time.Now())
		}
		if sum < 0 {
			b.Error(sum)
		}
	}, func() {})
}

func BenchmarkBareMux(b *testing.B)      { each(b, requests(benchMux(false)), func() {}) }
func BenchmarkBareMuxTyped(b *testing.B) { each(b, requests(benchMux(true)), func() {}) }

func benchMiddleware(b *testing.B, typed bool) {
	m := New("bench", WithSink(discardSink{}))
	// The collector empties the buffers when one is half full.
	each(b, requests(m.Middleware(benchMux(typed))), func() {
		m.recorder.signal()
		for i := range m.recorder.shards {
			for s := &m.recorder.shards[i]; ; runtime.Gosched() {
				s.mu.Lock()
				n := s.n
				s.mu.Unlock()
				if n == 0 {
					break
				}
			}
		}
	})
	m.Close(context.Background())
	if s := m.Stats(); s.Dropped > 0 {
		b.Errorf("%d of %d requests were dropped", s.Dropped, s.Recorded)
	}
}

func BenchmarkMiddleware(b *testing.B)      { benchMiddleware(b, false) }
func BenchmarkMiddlewareTyped(b *testing.B) { benchMiddleware(b, true) }

// BenchmarkCollect is what a request costs later, in the collector.
func BenchmarkCollect(b *testing.B) {
	e := newEncoder("bench", newInstance(), "", time.Now())
	buf := &buffer{records: make([]record, maxBatch)}
	for i := range buf.records {
		buf.records[i] = record{start: int64(i) * 1e4, total: int64(i%100) * 1e4, first: int64(i%90) * 1e4, size: 100, pattern: "GET /users/{id}", status: 200, method: 1}
	}
	for b.Loop() {
		for i := range buf.records {
			e.add(buf, &buf.records[i], 1e18)
		}
		e.take(nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/maxBatch, "ns/request")
}
