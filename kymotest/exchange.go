package kymotest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kymohq/kymo/internal/duration"
)

// protocol is a way to make a request.
type protocol struct {
	name  string
	http2 bool
	ask   func(*exchange) (*answer, error)
}

var protocols = []protocol{
	{"HTTP1.1", false, askPlainly},
	{"HTTP2", true, askHTTP2},
}

// answer is what a client got.
type answer struct {
	status int
	times  []string // the values of X-Response-Time
	size   int64    // of the body
	body   []byte
	text   string // all of it, without what may differ from one time to another
}

// exchange is a request that a client is about to make.
type exchange struct {
	*testCase
	addr   string // of the server
	client *http.Client
	pause  *pause
	limit  time.Duration

	begun chan struct{} // closed when the first byte of the body is there
}

// serve serves h until the returned function is called. That waits for the
// handlers, and fails if they do not return.
func serve(h http.Handler, p protocol, paused *pause, limit time.Duration) (*httptest.Server, func() error) {
	var running sync.WaitGroup
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		// Not by BaseContext: a server with one could end contexts itself, so that
		// Kymo would be less sure that a client left.
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), pauseKey{}, paused)))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if s.EnableHTTP2 = p.http2; p.http2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	s.Client().Transport.(*http.Transport).DisableCompression = true // bodies count as they are sent
	return s, func() error {
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Close()
			running.Wait()
		}()
		select {
		case <-done:
			return nil
		case <-time.After(limit):
			return errors.New("the handler did not return within " + duration.Text(limit))
		}
	}
}

// askOnce serves h for one request.
func (c *testCase) askOnce(h http.Handler, p protocol, limit time.Duration) (*answer, error) {
	x := &exchange{testCase: c, pause: newPause(), limit: limit, begun: make(chan struct{})}
	s, stop := serve(h, p, x.pause, limit)
	x.addr, x.client = s.Listener.Addr().String(), s.Client()
	a, err := p.ask(x)
	if stopped := stop(); err == nil {
		err = stopped
	}
	return a, err
}

// attend waits for the handler to pause, and then for the first byte of the body,
// before it lets the handler go on; or it hangs up.
func (x *exchange) attend(ctx context.Context, hangUp func()) {
	select {
	case <-x.pause.entered:
	case <-ctx.Done():
		return
	}
	if x.ending == hungUp {
		hangUp()
		return
	}
	select {
	case <-x.begun:
		close(x.pause.released)
	case <-ctx.Done():
	}
}

// askPlainly speaks HTTP/1.1 itself, in order to see every byte.
func askPlainly(x *exchange) (*answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), x.limit)
	defer cancel()
	conn, err := net.Dial("tcp", x.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(x.limit))
	hung := make(chan struct{})
	go x.attend(ctx, func() {
		close(hung)
		conn.Close()
	})

	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: kymotest\r\n", x.method, x.target)
	if x.header == nil {
		fmt.Fprintf(&b, "Connection: close\r\nContent-Length: %d\r\n", len(x.body))
	}
	x.header.Write(&b)
	b.WriteString("\r\n" + x.body)
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return nil, err
	}

	raw, err := x.read(conn)
	select {
	case <-hung:
		return &answer{}, nil
	default:
	}
	if err != nil && len(raw) == 0 && x.ending == aborted {
		err = nil // the connection was reset
	}
	if err != nil {
		return nil, fmt.Errorf("after %q: %w", raw, err)
	}
	return x.parse(raw)
}

// read reads until the end, and notes when the body begins.
func (x *exchange) read(r io.Reader) ([]byte, error) {
	var all []byte
	begun := false
	for buf := make([]byte, 16<<10); ; {
		n, err := r.Read(buf)
		all = append(all, buf[:n]...)
		if _, body, ok := bytes.Cut(all, []byte("\r\n\r\n")); ok && len(body) > 0 && !begun {
			begun = true
			close(x.begun)
		}
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// parse makes an answer of the bytes of a response.
func (x *exchange) parse(raw []byte) (*answer, error) {
	if len(raw) == 0 {
		return &answer{}, nil
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: x.method})
	if err != nil {
		return nil, fmt.Errorf("%q is no response: %w", raw, err)
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, times: resp.Header["X-Response-Time"]}
	a.body, _ = io.ReadAll(resp.Body) // that it is truncated is in text
	a.size = int64(len(a.body))
	head, rest, _ := strings.Cut(string(raw), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "X-Response-Time:") })
	var allow []int
	for i := range lines {
		switch {
		case strings.HasPrefix(lines[i], "Date:"):
			lines[i] = "Date:"
		case strings.HasPrefix(lines[i], "Allow:"):
			allow = append(allow, i)
		}
	}
	if len(allow) > 1 { // the header's fields are sorted by name, so they follow each other
		slices.Sort(lines[allow[0] : allow[0]+len(allow)])
	}
	a.text = strings.Join(lines, "\r\n") + "\r\n\r\n" + rest
	return a, nil
}

func askHTTP2(x *exchange) (*answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), x.limit)
	defer cancel()
	go x.attend(ctx, cancel)
	req, err := http.NewRequestWithContext(ctx, x.method, "https://"+x.addr+x.target, strings.NewReader(x.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, x.header)
	resp, err := x.client.Transport.RoundTrip(req)
	if err != nil {
		if x.ending == hungUp || x.ending == aborted && ctx.Err() == nil {
			return &answer{}, nil
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.TLS.Version < tls.VersionTLS12 {
		return nil, fmt.Errorf("answered by %s", resp.Proto)
	}
	return x.describe(ctx, resp)
}

// describe makes an answer of a response.
func (x *exchange) describe(ctx context.Context, resp *http.Response) (*answer, error) {
	a := &answer{status: resp.StatusCode, times: resp.Header["X-Response-Time"]}
	first := make([]byte, 1)
	n, err := io.ReadFull(resp.Body, first)
	if n > 0 {
		close(x.begun)
		var rest []byte
		rest, err = io.ReadAll(resp.Body)
		a.body = slices.Concat(first, rest)
	}
	if err == io.EOF {
		err = nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	a.size = int64(len(a.body))
	header := resp.Header.Clone()
	header.Del("X-Response-Time")
	if header.Get("Date") != "" {
		header.Set("Date", "")
	}
	slices.Sort(header["Allow"])
	var b strings.Builder
	fmt.Fprintf(&b, "%s\r\n", resp.Status)
	header.Write(&b)
	fmt.Fprintf(&b, "\r\n%s", a.body)
	resp.Trailer.Write(&b)
	if err != nil {
		b.WriteString("(truncated)")
	}
	a.text = b.String()
	return a, nil
}
