package stacks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/internal/wire"
)

// soakClients ask at the same time.
const soakClients = 16

// kind is one kind of request in the soak.
type kind struct {
	path    string // %d is the request's number
	method  string
	weight  int
	http1   bool
	want    wire.Key // endpoint and status that are recorded, if any
	ignored bool
	probe   bool
	broken  bool // the client gets no answer, or half of one
}

var kinds = []kind{
	{path: "/plain/%d", method: "GET", weight: 4, want: wire.Key{Endpoint: "/plain/{id}", Status: 200}},
	{path: "/users/%d", method: "GET", weight: 3, want: wire.Key{Endpoint: "/users/{id}", Status: 200}},
	{path: "/stream/%d", method: "GET", weight: 2, want: wire.Key{Endpoint: "/stream/{id}", Status: 200}},
	{path: "/plain/%d", method: "HEAD", weight: 1, want: wire.Key{Endpoint: "/plain/{id}", Status: 200}},
	{path: "/big/%d", method: "GET", weight: 1, want: wire.Key{Endpoint: "/big/{id}", Status: 200}},
	{path: "/absent/%d", method: "GET", weight: 1, want: wire.Key{Endpoint: unmatched, Status: 404}},
	{path: "/error/%d", method: "GET", weight: 1, want: wire.Key{Endpoint: "/error/{id}", Status: 409}},
	{path: "/timeout/%d", method: "GET", weight: 1, want: wire.Key{Endpoint: "/timeout/{id}", Status: 503}},
	{path: "/healthz", method: "GET", weight: 1, probe: true},
	{path: "/filtered/%d", method: "GET", weight: 1, ignored: true},
	{path: "/panic/%d", method: "GET", weight: 1, broken: true, want: wire.Key{Endpoint: "/panic/{id}", Status: 500}},
	{path: "/before/%d", method: "GET", weight: 1, broken: true, want: wire.Key{Endpoint: "/before/{id}", Status: 499}},
	{path: "/during/%d", method: "GET", weight: 1, broken: true, want: wire.Key{Endpoint: "/during/{id}", Status: 499}},
	{path: "/upgrade/%d", method: "GET", weight: 1, http1: true, broken: true, want: wire.Key{Endpoint: "/upgrade/{id}", Status: 101}},
}

// soak is the service, and what happened to it.
type soak struct {
	m       *kymo.Monitor
	asked   [16]atomic.Int64 // how often the filter was asked, which is once for each request, by kind
	hangups sync.Map         // func() that makes the client go, by path
	work    sync.WaitGroup
}

func (s *soak) keep(r *http.Request) bool {
	for i := range kinds {
		if prefix, _, _ := strings.Cut(kinds[i].path, "%d"); kinds[i].method == r.Method && strings.HasPrefix(r.URL.Path, prefix) {
			s.asked[i].Add(1)
			return !kinds[i].ignored
		}
	}
	panic("a request of no kind")
}

// handler returns the whole chain. Kymo is the server's own handler unless a
// framework is around it.
func (s *soak) handler(framed bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/plain/{id}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "plain") })
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("/filtered/{id}", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		kymo.SetUser(w, "user "+r.PathValue("id"))
		io.WriteString(w, r.PathValue("id"))
		s.work.Go(func() { kymo.SetUser(w, "nobody"); kymo.SetUserContext(r.Context(), "nobody") }) // late, or not
	})
	mux.HandleFunc("/stream/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/big/{id}", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, io.LimitReader(zeros{}, 100_000))
	})
	mux.HandleFunc("/error/{id}", func(w http.ResponseWriter, r *http.Request) {
		if give, ok := r.Context().Value(writerKey{}).(*http.ResponseWriter); ok {
			*give = w
			return
		}
		http.Error(w, "taken", http.StatusConflict)
	})
	late := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.work.Add(1)
		defer s.work.Done()
		<-r.Context().Done()
		// Once the answer is out: TimeoutHandler takes an answer that is ready when it
		// notices the time.
		for err := error(nil); !errors.Is(err, http.ErrHandlerTimeout); _, err = io.WriteString(w, "late") {
			runtime.Gosched()
		}
		w.Header().Set("X-Late", "yes")
		for range 3 {
			io.WriteString(w, "late")
		}
		s.work.Go(func() { io.WriteString(w, "later than ever") })
	})
	mux.Handle("/timeout/{id}", http.TimeoutHandler(s.m.Middleware(late), time.Millisecond, "too late"))
	mux.HandleFunc("/panic/{id}", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/before/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.hangUp(r)
		<-r.Context().Done()
	})
	mux.HandleFunc("/during/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 5000))
		w.(http.Flusher).Flush()
		s.hangUp(r)
		for {
			if _, err := w.Write(make([]byte, 5000)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/upgrade/{id}", func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: soak\r\nConnection: Upgrade\r\n\r\n")
			conn.Close()
		}
	})
	h := s.m.Middleware(mux)
	if !framed {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/error/") {
			h.ServeHTTP(w, r)
			return
		}
		var within http.ResponseWriter // as Echo keeps it
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), writerKey{}, &within)))
		http.Error(within, "taken", http.StatusConflict)
	})
}

type writerKey struct{}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (s *soak) hangUp(r *http.Request) {
	if f, ok := s.hangups.LoadAndDelete(r.URL.Path); ok {
		f.(context.CancelFunc)()
	}
}

// ask makes request number n of kind k.
func (s *soak) ask(c *client, k *kind, n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	path := k.path
	if strings.Contains(path, "%d") {
		path = fmt.Sprintf(path, n)
	}
	if k.want.Status == 499 {
		s.hangups.Store(path, cancel)
	}
	rq := &request{method: k.method, path: path}
	resp, err := c.shared.Do(c.new(ctx, rq))
	var body []byte
	if err == nil {
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	switch {
	case k.broken && k.want.Status != 101 && err == nil:
		return fmt.Errorf("%s %s: answered %s %q", k.method, path, resp.Status, cut(string(body)))
	case k.broken:
		return nil
	case err != nil:
		return fmt.Errorf("%s %s: %w", k.method, path, err)
	case k.want.Status != 0 && resp.StatusCode != k.want.Status:
		return fmt.Errorf("%s %s: answered %s", k.method, path, resp.Status)
	case k.want.Endpoint == "/users/{id}" && string(body) != strconv.Itoa(n):
		return fmt.Errorf("%s: answered %q", path, body)
	}
	return nil
}

// tally counts what is shipped.
type tally struct {
	mu    sync.Mutex
	byKey map[string]int
	users map[string]bool // that were recorded for another's request
	total int
}

func (s *tally) Ship(_ context.Context, data []byte) error {
	var b wire.Batch
	if err := wire.Decode(data, &b); err != nil || b.Kind != wire.Kept {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b.Len() {
		r := b.Request(i)
		s.total++
		s.byKey[fmt.Sprintf("%s %s %d", r.Method, strings.Clone(r.Endpoint), r.Status)]++
		if r.User != "" && r.Endpoint != "/users/{id}" {
			s.users[strings.Clone(r.User)] = true
		}
	}
	return nil
}

// serve starts a server for each protocol, with Kymo as its own handler and
// within another, and returns a client for each and what stops them.
func (s *soak) serve(t *testing.T) (clients []*client, stop func()) {
	var servers []*http.Server
	var serving sync.WaitGroup
	for _, framed := range []bool{false, true} {
		for _, p := range protocols {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var both http.Protocols
			both.SetHTTP1(true)
			both.SetUnencryptedHTTP2(true)
			srv := &http.Server{Handler: s.handler(framed), Protocols: &both, ErrorLog: log.New(io.Discard, "", 0)}
			serving.Go(func() { srv.Serve(l) })
			servers = append(servers, srv)
			clients = append(clients, newClient(l.Addr().String(), p == "http2"))
		}
	}
	return clients, func() {
		ctx, cancel := contextOf(patience)
		defer cancel()
		for i, srv := range servers {
			clients[i].close()
			if err := srv.Shutdown(ctx); err != nil {
				t.Errorf("Shutdown: %v", err)
				srv.Close()
			}
		}
		serving.Wait()
		s.work.Wait()
	}
}

// schedule has each kind as often as it weighs.
func schedule() (turns []*kind) {
	for i := range kinds {
		for range kinds[i].weight {
			turns = append(turns, &kinds[i])
		}
	}
	return turns
}

// askAll makes the requests from first to last, all kinds over all servers.
func (s *soak) askAll(t *testing.T, clients []*client, first, last int) {
	turns := schedule()
	var next atomic.Int64
	next.Store(int64(first))
	var wg sync.WaitGroup
	for range soakClients {
		wg.Go(func() {
			for {
				n := int(next.Add(1) - 1)
				if n >= last {
					return
				}
				c, k := clients[n%len(clients)], turns[n/len(clients)%len(turns)]
				if k.http1 && c.http2 {
					k = turns[0]
				}
				if err := s.ask(c, k, n); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// heap returns how many bytes are in use when nothing is under way.
func (s *soak) heap(t *testing.T) uint64 {
	ctx, cancel := contextOf(patience)
	defer cancel()
	if err := s.m.Flush(ctx); err != nil {
		t.Error(err)
	}
	var ms runtime.MemStats
	runtime.GC() // twice, for what pools keep
	runtime.GC()
	runtime.ReadMemStats(&ms)
	return ms.HeapAlloc
}

func TestSoak(t *testing.T) {
	requests := soakRequests
	if testing.Short() {
		requests /= 4
	}
	before := runtime.NumGoroutine()
	sink := &tally{byKey: make(map[string]int), users: make(map[string]bool)}
	said := new(lines)
	s := new(soak)
	s.m = kymo.New("soak", kymo.WithSink(sink), kymo.WithFilter(s.keep), kymo.WithLogger(slog.New(slog.NewTextHandler(said, nil))))
	clients, stop := s.serve(t)
	s.askAll(t, clients, 0, requests/2)
	half := s.heap(t)
	s.askAll(t, clients, requests/2, requests)
	end := s.heap(t)
	stop()
	closeMonitor(t, s.m)

	// 32 bytes for each request would be a leak of the smallest kind.
	if limit := half + uint64(32*requests/2) + 1<<20; end > limit {
		t.Errorf("the heap was %d bytes after half of the requests, and is %d", half, end)
	}
	s.check(t, sink)
	if log := said.all(); len(log) != 0 {
		t.Errorf("Kymo logged %q", log)
	}
	checkGoroutines(t, before)
}

// check compares what was recorded with what was asked.
func (s *soak) check(t *testing.T, sink *tally) {
	want := make(map[string]int)
	var recorded, ignored, probes int64
	for i := range kinds {
		k, n := &kinds[i], s.asked[i].Load()
		switch {
		case n == 0:
			t.Errorf("%s was never asked for", k.path)
		case k.ignored:
			ignored += n
		case k.probe:
			probes += n
		default:
			recorded += n
			want[fmt.Sprintf("%s %s %d", k.method, k.want.Endpoint, k.want.Status)] += int(n)
		}
	}
	for key, n := range want {
		if sink.byKey[key] != n {
			t.Errorf("%s is recorded %d times, want %d", key, sink.byKey[key], n)
		}
	}
	for key, n := range sink.byKey {
		if want[key] == 0 {
			t.Errorf("%s is recorded %d times", key, n)
		}
	}
	st := s.m.Stats()
	if st.Dropped != 0 || st.Pending != 0 || st.Panics != 0 || st.Recorded != uint64(recorded) || st.Shipped != uint64(recorded) ||
		sink.total != int(recorded) || st.Ignored != uint64(ignored) || st.Probes != uint64(probes) {
		t.Errorf("stats are %+v, %d came; want %d recorded, %d ignored, %d probes", st, sink.total, recorded, ignored, probes)
	}
	for user := range sink.users {
		t.Errorf("%q is recorded for a request that named no user", user)
	}
}

// checkGoroutines waits until there are as few goroutines as before: those of
// closed connections need a moment.
func checkGoroutines(t *testing.T, before int) {
	ctx, cancel := contextOf(patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for runtime.NumGoroutine() > before {
		select {
		case <-tick.C:
		case <-ctx.Done():
			stacks := make([]byte, 1<<20)
			t.Errorf("%d goroutines are left of %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
			return
		}
	}
}
