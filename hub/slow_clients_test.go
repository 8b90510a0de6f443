package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// connections is about how many slow clients there are in each test.
const connections = 200

// announcements are ways to announce a body to a server: of several lengths, of one that
// is unknown, and with wishes about the connection.
var announcements = []struct {
	fields []string
	length int64
}{
	{[]string{"Content-Length: 5"}, 5},
	{[]string{"Content-Length: 100000"}, 100_000},
	{[]string{"Content-Length: 4000000"}, 4_000_000},
	{[]string{"Transfer-Encoding: chunked"}, -1},
	{[]string{"Content-Length: 5", "Expect: 100-continue"}, 5},
	{[]string{"Content-Length: 5", "Connection: close"}, 5},
}

// contentTypes get a body past the check of its type.
var contentTypes = map[string]string{"/api/v1/batches": wire.ContentType}

// everyRoute runs a slow client for each of about so many connections, all at once,
// while others use the hub. All must end by what the server does.
func everyRoute(t *testing.T, slow func(t *testing.T, s *served, r route, i int) error) {
	patient := short
	patient.Write = hang // or a busy machine cuts off what others are answered
	h := openHub(t, patient, 0)
	routes := allRoutes(t, h)
	for _, k := range tried() {
		t.Run(k.name, func(t *testing.T) {
			s := serve(t, h, k)
			if err := s.ask(); err != nil {
				t.Fatal(err)
			}
			check := unchanged(t)
			stop := s.use(t)
			var group sync.WaitGroup
			for i := range max(connections, len(routes)*len(announcements)) {
				r := routes[i%len(routes)]
				group.Go(func() {
					if err := slow(t, s, r, i/len(routes)); err != nil {
						t.Errorf("%s %s, client %d: %v", r.method, r.path, i/len(routes), err)
					}
				})
			}
			group.Wait()
			stop()
			check()
			s.idle(t)
			s.stop()
		})
	}
}

// A body that is announced and never sent keeps no route waiting.
func TestBodiesThatAreNotSent(t *testing.T) {
	everyRoute(t, func(t *testing.T, s *served, r route, i int) error {
		a := announcements[i%len(announcements)]
		if s.http2 {
			body, feed := io.Pipe()
			defer feed.Close()
			return s.sendSlowly(r, body, a.length)
		}
		c := s.dial(t)
		defer c.Close()
		if _, err := c.Write(r.head(s, append(a.fields, "Content-Type: "+typeFor(r))...)); err != nil {
			return err
		}
		return closedByServer(c)
	})
}

// Nor does one of which there is always one byte more.
func TestBodiesThatTrickle(t *testing.T) {
	everyRoute(t, func(t *testing.T, s *served, r route, i int) error {
		drops := make(chan struct{})
		defer close(drops)
		trickle := func(w io.Writer, drop string) {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-drops:
					return
				case <-tick.C:
				}
				if _, err := io.WriteString(w, drop); err != nil {
					return
				}
			}
		}
		if s.http2 {
			body, feed := io.Pipe()
			defer feed.Close()
			go trickle(feed, " ")
			return s.sendSlowly(r, body, 4_000_000)
		}
		c := s.dial(t)
		defer c.Close()
		field, drop := "Content-Length: 200000", " "
		if i%2 == 1 {
			field, drop = "Transfer-Encoding: chunked", "1\r\n \r\n"
		}
		if _, err := c.Write(r.head(s, field, "Content-Type: "+typeFor(r))); err != nil {
			return err
		}
		go trickle(c, drop)
		return closedByServer(c)
	})
}

func typeFor(r route) string {
	if t := contentTypes[r.path]; t != "" {
		return t
	}
	return "application/json"
}

// Clients that read no answers delay no route, however many they are.
func TestAnswersThatAreNotRead(t *testing.T) {
	h := openHub(t, short, 30_000)
	for _, k := range tried() {
		t.Run(k.name, func(t *testing.T) {
			s := serve(t, h, k)
			check := unchanged(t)
			var group sync.WaitGroup
			var mu sync.Mutex
			var closers []func()
			for path, n := range map[string]int{"/openapi.json": connections / 2, "/docs": connections / 2, "/api/v1/requests/export": maxExports} {
				for range n {
					group.Go(func() {
						leave, err := s.askAndNotRead(t, path)
						if err != nil {
							t.Errorf("%s: %v", path, err)
							return
						}
						mu.Lock()
						closers = append(closers, leave)
						mu.Unlock()
					})
				}
			}
			group.Wait()
			eventually(t, "all are connected", func() (int64, bool) {
				n := s.listener.accepted.Load()
				return n, n >= connections+maxExports
			})
			stop := s.use(t)
			// Of the other callers there is one at a time, whose last connection may be open still.
			eventually(t, "only other callers are served", func() (string, bool) {
				requests, open := s.handling.Load(), s.listener.open.Load()
				return fmt.Sprintf("%d requests, %d connections", requests, open), requests <= 1 && (s.http2 || open <= 2)
			})
			for _, leave := range closers {
				leave()
			}
			stop()
			check()
			s.idle(t)
			s.stop()
		})
	}
}

// maxExports is how many there may be at once.
const maxExports = 8

// askAndNotRead asks for more than the buffers hold.
func (s *served) askAndNotRead(t *testing.T, path string) (leave func(), err error) {
	if s.http2 {
		transport := s.transport()
		r, err := http.NewRequest(http.MethodGet, s.url(path), nil)
		if err != nil {
			return nil, err
		}
		resp, err := transport.RoundTrip(r)
		return func() {
			if err == nil { // Otherwise it was cut off before this client looked.
				resp.Body.Close()
			}
			transport.CloseIdleConnections()
		}, nil
	}
	c := s.dial(t)
	// One export is more than the buffers hold; of the others it takes many.
	n := 1
	if path != "/api/v1/requests/export" {
		n = 500
	}
	_, err = c.Write(bytes.Repeat(route{http.MethodGet, path}.head(s), n))
	return func() { c.Close() }, err
}

// sendSlowly sends a request of HTTP/2, and returns when it has ended.
func (s *served) sendSlowly(r route, body io.Reader, length int64) error {
	transport := s.transport()
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, s.url(r.path), body)
	if err != nil {
		return err
	}
	req.ContentLength = length
	req.Header.Set("Content-Type", typeFor(r))
	resp, err := transport.RoundTrip(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("open after %s", hang)
	}
	return nil // An answer or a reset: the request has ended.
}

// Silent posts with large announcements leave the memory for bodies to others.
func TestBodiesThatHoldMemory(t *testing.T) {
	patient := short
	patient.Idle, patient.Body = hang, hang
	h := openHub(t, patient, 0)
	s := serve(t, h, kinds[0])
	const silent = 64
	for _, coding := range []string{"identity", "gzip", "zstd"} {
		var conns []net.Conn
		for range silent {
			c := s.dial(t)
			conns = append(conns, c)
			if _, err := c.Write(route{"POST", "/api/v1/requests"}.head(s, "Content-Length: 8388608", "Content-Type: application/json", "Content-Encoding: "+coding)); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all are being read", func() (int64, bool) {
			n := s.handling.Load()
			return n, n == silent
		})
		if err := s.ask(); err != nil {
			t.Errorf("beside silent posts in %s: %v", coding, err)
		}
		for _, c := range conns {
			c.Close()
		}
		s.idle(t)
	}
	s.stop()
}

// Exports whose clients stopped to receive them give way to others.
func TestExportsThatHoldSlots(t *testing.T) {
	patient := short
	patient.Write = hang
	h := openHub(t, patient, 30_000)
	for _, k := range tried() {
		t.Run(k.name, func(t *testing.T) {
			s := serve(t, h, k)
			check := unchanged(t)
			var leave []func()
			for range maxExports - 1 {
				l, err := s.askAndNotRead(t, "/api/v1/requests/export")
				if err != nil {
					t.Fatal(err)
				}
				leave = append(leave, l)
			}
			slow := make(chan error, 1)
			reading, newcomers := make(chan struct{}), make(chan struct{})
			go func() { slow <- s.exportSlowly(reading, newcomers) }()
			<-reading
			// All slots are taken. There is room for every newcomer as soon as a silent one is known to be that.
			for range storetest.Volume(2 * maxExports) {
				eventually(t, "a newcomer has its file", func() (error, bool) {
					err := s.exportSlowly(nil, nil)
					return err, err == nil
				})
			}
			close(newcomers)
			if err := <-slow; err != nil {
				t.Errorf("a client that reads all the time: %v", err)
			}
			for _, l := range leave {
				l()
			}
			check()
			s.idle(t)
			s.stop()
		})
	}
}

// exportSlowly reads a whole export. If it is given channels, it tells by one that it reads,
// and takes its time until the other is closed.
func (s *served) exportSlowly(reading, hurry chan struct{}) error {
	transport := s.transport()
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}
	resp, err := client.Get(s.url("/api/v1/requests/export"))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if reading != nil {
		close(reading)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := int64(0); ; {
		m, err := io.CopyN(io.Discard, resp.Body, 4<<10)
		n += m
		switch {
		case errors.Is(err, io.EOF) && resp.StatusCode == http.StatusOK && n > 1<<20:
			return nil
		case err != nil:
			return fmt.Errorf("status %d, %d bytes: %w", resp.StatusCode, n, err)
		}
		if hurry != nil {
			select {
			case <-tick.C:
			case <-hurry:
				hurry = nil
			}
		}
	}
}
