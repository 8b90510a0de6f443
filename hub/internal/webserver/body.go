package webserver

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// body is a request's body that must arrive at a minimum rate.
//
// A read deadline must not outlive the body. Once that has ended, net/http reads from
// the connection in the background, and when this read fails it cancels the request's
// context, and with it a long answer.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	limits  *Limits

	http1   bool
	length  int64 // as announced; -1 is unknown
	expects bool  // 100-continue, which is sent at the first read

	began time.Time
	n     int64
	state bodyState
}

type bodyState int

const (
	bodyOpen   bodyState = iota
	bodyEnded            // at its end, or closed
	bodyFailed           // by its deadline or by the client
)

func newBody(r *http.Request, control *http.ResponseController, l *Limits) *body {
	return &body{
		ReadCloser: r.Body, control: control, limits: l,
		http1: r.ProtoMajor == 1, length: r.ContentLength, expects: r.Header.Get("Expect") != "",
	}
}

func (b *body) Read(p []byte) (int, error) {
	if b.state == bodyEnded {
		return b.ReadCloser.Read(p)
	}
	now := time.Now()
	if b.began.IsZero() {
		b.began = now
	}
	whole := b.began.Add(b.limits.Body + time.Duration(b.n/b.limits.Rate)*time.Second)
	b.expire(earlier(now.Add(b.limits.Idle), whole))
	if b.expects {
		_ = b.control.SetWriteDeadline(now.Add(b.limits.Write))
		defer func() { _ = b.control.SetWriteDeadline(time.Time{}) }()
		b.expects = false
	}
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	b.note(err)
	return n, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Close may read what is left.
func (b *body) Close() error {
	if b.state == bodyOpen {
		b.expire(time.Now().Add(b.limits.Leftover))
	}
	b.state = bodyEnded
	return b.ReadCloser.Close()
}

// expire sets the deadline. Writers of tests and of other servers may have none.
func (b *body) expire(at time.Time) { _ = b.control.SetReadDeadline(at) }

func (b *body) note(err error) {
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.state = bodyEnded
		b.expire(time.Time{})
	default:
		b.state = bodyFailed
	}
}

// settle is called before an answer begins. In HTTP/1 it reads what the handler left
// unread, because many clients send all before they read anything: while they do, an
// answer and the end of the connection would be a broken pipe to them. It reads as much
// as net/http does, and more of a body that the handler says is too large: those are
// not refused for who sent them. If that was not all, the connection is given up.
func (b *body) settle(status int, answer http.Header) {
	if b.state != bodyOpen || !b.http1 || b.expects || answer.Get("Connection") == "close" {
		return
	}
	most := int64(maxLeftover)
	if status == http.StatusRequestEntityTooLarge {
		most = maxTooLarge
	}
	if b.length-b.n <= most {
		b.discard(most)
	}
	if b.state != bodyEnded {
		answer.Set("Connection", "close")
	}
}

// discard reads the body to its end, or until it is more than most or takes too long.
func (b *body) discard(most int64) {
	end := time.Now().Add(b.limits.Discard)
	p := make([]byte, 16<<10)
	for n := int64(0); b.state == bodyOpen && n <= most; {
		b.expire(earlier(time.Now().Add(b.limits.Leftover), end))
		m, err := b.ReadCloser.Read(p)
		n += int64(m)
		b.note(err)
	}
}

// leave is called when the handler has returned: net/http reads some of what is left
// even if it closes the connection then. In HTTP/2 it does not.
func (b *body) leave() {
	if b.state == bodyOpen && b.http1 {
		b.expire(time.Now().Add(b.limits.Leftover))
	}
}
