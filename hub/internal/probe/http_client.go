package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// maxBody bounds what is read of an answer, in bytes.
const maxBody = 1 << 20

// client is the HTTP client of one check. It keeps one connection from run to
// run, unless the run was canceled.
type client struct {
	http   *http.Client
	lines  *lines
	header http.Header
	host   string // the header Host; "" is the URL's
	max    int64  // bytes of an answer that are read
	// enough reports whether what was read of a body answers the question; nil if all of it
	// is needed.
	enough func(body []byte) bool
	second *http.Transport // for HTTP/2; nil once a version has worked
	last   atomic.Pointer[hearing]
}

// hearing is a connection that remembers whether the server has said anything.
type hearing struct {
	net.Conn
	heard atomic.Bool
}

// Read implements net.Conn.
func (h *hearing) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if n > 0 {
		h.heard.Store(true)
	}
	return n, err
}

// sending is what the requests of a client have in common.
type sending struct {
	secure   *secure
	to       string // the host
	headers  map[string]string
	defaults map[string]string // headers that those above replace
}

// answer is what came back.
type answer struct {
	status int
	body   []byte
	more   bool // the body is longer than what was read of it
	html   bool // it says that the body is a web page
	took   time.Duration
}

// outcome describes the answer's status.
func (a *answer) outcome() string {
	if text := http.StatusText(a.status); text != "" {
		return fmt.Sprintf("answered %d %s", a.status, text)
	}
	return fmt.Sprintf("answered %d", a.status)
}

// ofRun is the key under which a request's context has that of the run: the
// transport lets a dial go on after its request gave up, and hides its deadline.
type ofRun struct{}

// authorize adds a bearer token, which the field has, unless it is empty.
func (s *sending) authorize(field, token string, hide *secrets) error {
	if token == "" {
		return nil
	}
	if strings.IndexFunc(token, isControl) >= 0 {
		return wrong(field, "contains a control character; is there a line break at its end?")
	}
	hide.add(token)
	s.defaults["Authorization"] = "Bearer " + token
	return nil
}

func newClient(with sending) *client {
	c := &client{lines: &lines{}, header: make(http.Header), max: maxBody}
	for _, some := range []map[string]string{{"User-Agent": clientName}, with.defaults, with.headers} {
		for name, value := range some {
			c.header.Set(name, value)
		}
	}
	c.host = c.header.Get("Host")
	c.header.Del("Host")
	c.http = &http.Client{CheckRedirect: redirectWithin("write its URL instead"), Transport: c.transport(with, false)}
	c.second = c.transport(with, true)
	return c
}

// transport returns a transport for HTTP/1, or for HTTP/2. The second has no benefit for
// one request at a time, and its connections outlive a canceled request, so it is for
// servers that speak nothing else.
func (c *client) transport(with sending, second bool) *http.Transport {
	secure := with.secure.config(with.to)
	secure.ServerName = with.secure.options.ServerName // else the transport has that of each target

	protocols := &http.Protocols{}
	protocols.SetHTTP1(!second)
	protocols.SetHTTP2(second)
	protocols.SetUnencryptedHTTP2(second)
	return &http.Transport{
		// No proxy is used, since its answers would not show the state of the
		// target.
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			run, _ := ctx.Value(ofRun{}).(context.Context)
			conn, err := c.lines.dial(run, network, addr)
			if err != nil {
				return nil, err
			}
			own := &hearing{Conn: conn}
			c.last.Store(own)
			return own, nil
		},
		TLSClientConfig:        secure,
		Protocols:              protocols,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        10 * time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// do sends a request and reads the answer. Its error may be a *url.Error, which
// quotes the URL.
func (c *client) do(ctx context.Context, method string, to *url.URL, body []byte) (*answer, error) {
	defer c.lines.cutAfter(ctx)()
	req, err := http.NewRequestWithContext(context.WithValue(ctx, ofRun{}, ctx), method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header, req.Host = c.header.Clone(), c.host
	if c.host == "" {
		req.Host = to.Host
	}
	// It is made over and over as it is: so it may be made again at once if the
	// server closes a kept connection under it. A name without a value is not sent.
	req.Header["X-Idempotency-Key"] = nil
	begun := time.Now()
	resp, err := c.http.Do(req)
	if c.second != nil && isSecondOnly(err) && ctx.Err() == nil {
		other := *c.http
		other.Transport = c.second
		req.Body, _ = req.GetBody()
		if answer, failed := other.Do(req); failed == nil {
			c.http, resp, err = &other, answer, nil
		}
	}
	if last := c.last.Load(); errors.Is(err, net.ErrClosed) && last != nil && last.heard.Load() && !isOver(ctx) {
		// net/http itself hung up while the request was written, since the server spoke first.
		return nil, fault("the server does not speak HTTP")
	}
	if err != nil {
		return nil, notHTTP(err)
	}
	c.second = nil
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, html: strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")}
	err = c.read(a, resp)
	a.took = time.Since(begun)
	return a, err
}

// read reads as much of a body as the question needs: some never end.
func (c *client) read(a *answer, resp *http.Response) error {
	if c.enough != nil && c.enough(nil) {
		c.drain(resp.Body)
		return nil
	}
	part := make([]byte, 16<<10)
	for {
		n, err := resp.Body.Read(part)
		a.body = append(a.body, part[:n]...)
		if int64(len(a.body)) > c.max {
			a.body, a.more = a.body[:c.max], true
			return nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case c.enough != nil && c.enough(a.body):
			c.drain(resp.Body)
			return nil
		case err != nil:
			return err
		}
	}
}

// drain reads a body to its end, so that the connection can be kept, if that is near.
func (c *client) drain(body io.Reader) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.CopyN(io.Discard, body, c.max+1)
	}()
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C: // the body is about to be closed, which ends the read
	}
}

// The texts of net/http for a server that speaks, or hangs up, on a new connection before
// it is asked: which one comes depends on what is faster.
const (
	spokeFirst = "readLoopPeekFailLocked: %!w(<nil>)"
	hungUp     = "server closed idle connection"
)

// isSecondOnly reports whether an error may be that of a server that speaks HTTP/2 only: it
// agrees to no other protocol, begins with a frame of that one, or hangs up.
func isSecondOnly(err error) bool {
	return err != nil && (isLost(err) || contains(err, "no application protocol", `malformed HTTP response "\x00\x00`, spokeFirst, hungUp))
}

// notHTTP names an error of a server that speaks something else.
func notHTTP(err error) error {
	switch {
	case contains(err, "malformed HTTP", spokeFirst):
		return fault("the server does not speak HTTP")
	case errors.Is(err, http.ErrSchemeMismatch):
		return fault("the server does not speak TLS")
	case contains(err, hungUp):
		return errLost
	}
	return err
}

// contains reports whether an error has one of these texts.
func contains(err error, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(err.Error(), text) })
}

func (c *client) oldest() time.Time { return c.lines.oldest() }

func (c *client) drop() {
	c.http.CloseIdleConnections()
	c.lines.cut()
}

func (c *client) close() {
	c.http.CloseIdleConnections()
	c.lines.end()
}
