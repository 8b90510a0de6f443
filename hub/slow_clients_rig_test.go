package hub

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/webserver"
	"github.com/kymohq/kymo/internal/wire"
)

// short are limits that a test can wait for.
var short = webserver.Limits{
	Idle: time.Second, Body: 2 * time.Second, Leftover: 200 * time.Millisecond, Discard: time.Second,
	Write: 2 * time.Second, Stall: 500 * time.Millisecond,
}

// hang is when a test gives up on what should have happened long ago.
const hang = 2 * time.Minute

// kind is how a hub is served.
type kind struct {
	name       string
	tls, http2 bool
	own        bool // by package webserver; otherwise by a server without any limits
}

var kinds = []kind{
	{name: "HTTP/1.1"},
	{name: "HTTP/1.1 over TLS", tls: true},
	{name: "HTTP/2", tls: true, http2: true},
	{name: "webserver", own: true},
}

// tried are the kinds that a test with long waits goes through: in short mode one of
// each protocol.
func tried() []kind {
	if testing.Short() {
		return []kind{kinds[0], kinds[2]}
	}
	return kinds
}

// served is a hub behind a server on loopback.
type served struct {
	kind
	hub      *Hub
	listener *countingListener
	handling atomic.Int64 // requests
	client   *tls.Config
	stop     func()
}

func serve(t *testing.T, h *Hub, k kind) *served {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &served{kind: k, hub: h, listener: &countingListener{Listener: l}}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handling.Add(1)
		defer s.handling.Add(-1)
		h.ServeHTTP(w, r)
	})
	if k.own {
		server := webserver.Start(s.listener, handler, quiet)
		s.stop = func() {
			if err := server.Stop(hang); err != nil {
				t.Error(err)
			}
		}
		return s
	}
	server := httptest.NewUnstartedServer(handler)
	server.Listener.Close()
	server.Listener = s.listener
	server.EnableHTTP2 = k.http2
	if k.tls {
		server.StartTLS()
		s.client = server.Client().Transport.(*http.Transport).TLSClientConfig
	} else {
		server.Start()
	}
	s.stop = server.Close
	return s
}

func (s *served) url(path string) string {
	scheme := "http://"
	if s.tls {
		scheme = "https://"
	}
	return scheme + s.listener.Addr().String() + path
}

// dial opens a connection for HTTP/1.1 written by hand.
func (s *served) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if s.tls {
		config := s.client.Clone()
		config.NextProtos = []string{"http/1.1"}
		config.ServerName = "example.com"
		c = tls.Client(c, config)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// transport is one connection for the server's protocol, which takes little of an
// answer that is not read.
func (s *served) transport() *http.Transport {
	return &http.Transport{
		TLSClientConfig: s.client.Clone(), ForceAttemptHTTP2: s.http2, DisableKeepAlives: !s.http2,
		IdleConnTimeout: time.Second, // for one that is still busy when its test closes those that are not
		HTTP2:           &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
	}
}

// idle waits until the server has no connection and no request.
func (s *served) idle(t *testing.T) {
	t.Helper()
	eventually(t, "no connection is open", func() (int64, bool) {
		n := s.listener.open.Load() + s.handling.Load()
		return n, n == 0
	})
}

// countingListener counts the connections that a server has open, whose buffers are small, so that
// an answer that is not read blocks soon.
type countingListener struct {
	net.Listener
	open, accepted atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if err := c.(*net.TCPConn).SetWriteBuffer(32 << 10); err != nil {
		return nil, err
	}
	l.open.Add(1)
	l.accepted.Add(1)
	return &countedConn{Conn: c, closed: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
}

type countedConn struct {
	net.Conn
	closed func()
}

func (c *countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// eventually waits until got is what the test wants.
func eventually[T any](t *testing.T, what string, got func() (T, bool)) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(hang); ; <-tick.C {
		v, ok := got()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: still %v after %s", what, v, hang)
		}
	}
}

// closedByServer reads until the server closes the connection.
func closedByServer(c net.Conn) error {
	if err := c.SetReadDeadline(time.Now().Add(hang)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("open after %s", hang)
	}
	return nil // A reset closes it, too.
}

// use asks the hub as others do, again and again, until the returned function is
// called; that fails the test if an answer was wrong, did not come, or most took long.
func (s *served) use(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var took []time.Duration
	var failed error
	go func() {
		defer close(done)
		for ctx.Err() == nil && failed == nil {
			began := time.Now()
			if failed = s.ask(); failed == nil {
				took = append(took, time.Since(began))
			}
		}
	}()
	return func() {
		t.Helper()
		cancel()
		<-done
		slices.Sort(took)
		if n := len(took); failed != nil || n == 0 || n > 2 && took[(n-1)/2] > hang/10 || took[n-1] > 2*hang/3 {
			t.Errorf("other callers: answers after %s: %v", took, failed)
		}
	}
}

// ask sends a few requests on a connection of their own.
func (s *served) ask() error {
	transport := s.transport()
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: hang}
	for path, body := range map[string]string{
		"/health/live": "", "/metrics/performance": "",
		"/api/v1/requests": `{"endpoint":"/users/7","method":"GET","response_time_ms":12.5,"status_code":200}`,
	} {
		if err := s.askFor(&client, path, body); err != nil {
			return err
		}
	}
	return nil
}

// askFor sends a request, and sends it again if a busy machine exceeded a limit that has
// nothing to do with other clients: the short one for the next bytes of a body, or the two
// seconds that net/http allows for the first frame of HTTP/2. An earlier refusal is wrong.
func (s *served) askFor(client *http.Client, path, body string) error {
	method, want := http.MethodGet, http.StatusOK
	if body != "" {
		method, want = http.MethodPost, http.StatusAccepted
	}
	const firstFrame = 2 * time.Second
	for end := time.Now().Add(hang); ; {
		began := time.Now()
		r, err := http.NewRequest(method, s.url(path), strings.NewReader(body))
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		took := time.Since(began)
		if s.http2 && errors.Is(err, io.ErrUnexpectedEOF) && took >= firstFrame && time.Now().Before(end) {
			continue
		}
		if err != nil {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case err != nil:
			return fmt.Errorf("%s: status %d: %w", path, resp.StatusCode, err)
		case resp.StatusCode == want:
			return nil
		case body == "" || resp.StatusCode != http.StatusRequestTimeout || took < short.Idle || time.Now().After(end):
			return fmt.Errorf("%s: status %d after %s: %.200s", path, resp.StatusCode, took, text)
		}
	}
}

// route is one that a client can ask for.
type route struct{ method, path string }

// allRoutes are those of the document, and what matches none of them.
func allRoutes(t *testing.T, h *Hub) []route {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/openapi.json", nil))
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || len(document.Paths) == 0 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	routes := []route{{"GET", "/nothing"}, {"PUT", "/metrics"}, {"GET", "/assets/none.js"}, {"GET", "//docs"}}
	for path, operations := range document.Paths {
		for method := range operations {
			routes = append(routes, route{strings.ToUpper(method), path})
		}
	}
	return routes
}

// unchanged fails the test if, when it ends, there are more goroutines or sockets than now.
func unchanged(t *testing.T) (check func()) {
	t.Helper()
	goroutines, sockets := runtime.NumGoroutine(), openSockets(t)
	return func() {
		t.Helper()
		eventually(t, "goroutines and sockets are as many as before", func() (string, bool) {
			g, s := runtime.NumGoroutine(), openSockets(t)
			return fmt.Sprintf("%d goroutines, before %d; %d sockets, before %d", g, goroutines, s, sockets), g <= goroutines && s <= sockets
		})
	}
}

// openSockets counts the process's sockets where the system lists them.
func openSockets(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		// The descriptor of the listing itself is closed by now.
		if target, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

// openHub returns a hub with n requests, of which an export is larger than all buffers
// between a server and its client.
func openHub(t *testing.T, limits webserver.Limits, n int) *Hub {
	t.Helper()
	h, err := Open(filepath.Join(t.TempDir(), "data"), Config{Logger: quiet, limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeHub(t, h) })
	now := time.Now()
	for sequence := uint64(1); n > 0; sequence++ {
		b := wire.NewBuilder()
		for range min(n, 10_000) {
			b.Add(&wire.Request{
				Key:   wire.Key{Service: "web", Endpoint: "/users/{id}", Method: "GET", Status: 200},
				Start: now.Add(-time.Duration(n) * time.Millisecond).UnixMilli(), Duration: time.Duration(n) * time.Microsecond,
			})
			n--
		}
		if err := h.Ship(context.Background(), b.Batch("rig", sequence).AppendBinary(nil)); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// head is the header of a request of HTTP/1.1.
func (r route) head(s *served, fields ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.path, s.listener.Addr())
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
