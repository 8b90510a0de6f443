package stacks

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"
)

// answer is what a client got, in words that can be compared.
type answer struct {
	status int    // 0 if none came
	text   string // all of it, without X-Response-Time
	times  int    // how often X-Response-Time was there
	early  int    // how often it was in an informational response
	body   []byte
}

// client makes requests over one protocol.
type client struct {
	address string
	http2   bool
	shared  *http.Client // follows no redirects, keeps connections
}

func newClient(address string, http2 bool) *client {
	var p http.Protocols
	p.SetHTTP1(!http2)
	p.SetUnencryptedHTTP2(http2)
	return &client{address, http2, &http.Client{
		Transport: &http.Transport{Protocols: &p, DisableCompression: true, MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

func (c *client) close() { c.shared.CloseIdleConnections() }

func (c *client) new(ctx context.Context, rq *request) *http.Request {
	var body io.Reader
	if rq.body != "" {
		body = strings.NewReader(rq.body)
	}
	req, err := http.NewRequestWithContext(ctx, rq.method, "http://"+c.address+rq.path, body)
	if err != nil {
		panic(err)
	}
	req.Host = "example.com" // not the port, which differs from server to server
	for i := 0; i+1 < len(rq.header); i += 2 {
		req.Header.Add(rq.header[i], rq.header[i+1])
	}
	return req
}

// do makes a request of its own connection, or stream.
func (c *client) do(req *http.Request, s *stack) answer {
	ctx, cancel := context.WithTimeout(req.Context(), patience)
	defer cancel()
	if c.http2 {
		return c.stream(req.WithContext(ctx), s)
	}
	return c.connection(req, s)
}

// connection sees every byte of an answer over HTTP/1.1.
func (c *client) connection(req *http.Request, s *stack) (a answer) {
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		return answer{text: "dial: " + err.Error()}
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if err := req.Write(conn); err != nil {
		return answer{text: "write: " + err.Error()}
	}
	var raw bytes.Buffer
	in := bufio.NewReader(io.TeeReader(conn, &raw))
	var failed error
	for {
		resp, err := http.ReadResponse(in, req)
		if err != nil {
			failed = err
			break
		}
		if resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		a.status = resp.StatusCode
		if resp.StatusCode == http.StatusSwitchingProtocols {
			_, failed = io.ReadAll(in)
			break
		}
		a.body, failed = io.ReadAll(resp.Body)
		break
	}
	var b strings.Builder
	rest := raw.String()
	for more := true; more; {
		var head string
		var ok bool
		if head, rest, ok = strings.Cut(rest, "\r\n\r\n"); !ok {
			rest = head
			break
		}
		n := 0
		for line := range strings.SplitSeq(head, "\r\n") {
			if strings.HasPrefix(line, "X-Response-Time: ") {
				n++
				continue
			}
			b.WriteString(s.plain(line) + "\n")
		}
		b.WriteByte('\n')
		more = strings.HasPrefix(head, "HTTP/1.1 1") && !strings.HasPrefix(head, "HTTP/1.1 101")
		if more {
			a.early += n
		} else {
			a.times = n
		}
	}
	if s.loose && a.status != 0 {
		b.Write(a.body)
	} else {
		b.WriteString(rest)
	}
	fmt.Fprintf(&b, "\nerror: %v\n", failed)
	a.text = b.String()
	return a
}

// stream sees an answer over HTTP/2.
func (c *client) stream(req *http.Request, s *stack) (a answer) {
	var b strings.Builder
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			fmt.Fprintf(&b, "%d\n", code)
			a.early += s.header(&b, http.Header(h))
			return nil
		},
	}))
	resp, err := c.shared.Transport.RoundTrip(req)
	if err != nil {
		fmt.Fprintf(&b, "error: %s\n", streamID.ReplaceAllString(err.Error(), ""))
		return answer{text: b.String()}
	}
	defer resp.Body.Close()
	a.status = resp.StatusCode
	fmt.Fprintf(&b, "%s %s\n", resp.Proto, resp.Status)
	if !s.loose {
		fmt.Fprintf(&b, "length %d\n", resp.ContentLength)
	}
	a.times = s.header(&b, resp.Header)
	a.body, err = io.ReadAll(resp.Body)
	b.WriteByte('\n')
	b.Write(a.body)
	b.WriteString("\ntrailers\n")
	s.header(&b, resp.Trailer)
	if err != nil {
		fmt.Fprintf(&b, "error: %s\n", streamID.ReplaceAllString(err.Error(), ""))
	}
	a.text = b.String()
	return a
}

var streamID = regexp.MustCompile(`stream ID \d+; `)

// header writes h in order and returns how often X-Response-Time is in it.
func (s *stack) header(b *strings.Builder, h http.Header) (times int) {
	var fields []string
	for name, values := range h {
		for _, v := range values {
			if name == "X-Response-Time" {
				times++
				continue
			}
			fields = append(fields, s.plain(name+": "+v))
		}
	}
	slices.Sort(fields)
	for _, f := range fields {
		b.WriteString(f + "\n")
	}
	return times
}

var date = regexp.MustCompile(`^(Date|Last-Modified): .*$`)

// plain returns a line of a header without what differs from answer to answer.
func (s *stack) plain(line string) string {
	line = date.ReplaceAllString(line, "$1: …")
	for _, r := range s.random {
		line = r.ReplaceAllString(line, "…")
	}
	return line
}
