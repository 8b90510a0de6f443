package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
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
}

// answer is what came back.
type answer struct {
	status int
	body   []byte
	more   bool // the body is longer than what was read of it
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

// newClient returns a client that sends these headers, which replace the
// defaults.
func newClient(insecure bool, defaults, headers map[string]string) *client {
	c := &client{lines: &lines{}, header: make(http.Header), max: maxBody}
	for _, some := range []map[string]string{{"User-Agent": clientName}, defaults, headers} {
		for name, value := range some {
			c.header.Set(name, value)
		}
	}
	c.host = c.header.Get("Host")
	c.header.Del("Host")
	// HTTP/2 has no benefit for one request at a time, and its connections
	// outlive a canceled request: the next one would wait on a dead
	// connection.
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	c.http = &http.Client{CheckRedirect: redirectWithin("write its URL instead"), Transport: &http.Transport{
		// No proxy is used, since its answers would not show the state of the
		// target.
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			run, _ := ctx.Value(ofRun{}).(context.Context)
			return c.lines.dial(run, network, addr)
		},
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: insecure},
		Protocols:              protocols,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        10 * time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}}
	return c
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
	if err != nil {
		return nil, notHTTP(err)
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, c.max+1))
	a.took = time.Since(begun)
	if int64(len(a.body)) > c.max {
		a.body, a.more = a.body[:c.max], true
	}
	return a, err
}

// notHTTP names an error of a server that speaks something else. One that speaks
// before it is asked is read at some point between the two that net/http has texts for.
func notHTTP(err error) error {
	for _, text := range []string{"malformed HTTP", "readLoopPeekFailLocked: %!w(<nil>)"} {
		if strings.Contains(err.Error(), text) {
			return fault("the server does not speak HTTP")
		}
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return fault("the server does not speak TLS")
	}
	return err
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
