package probe

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"syscall"
	"time"
)

// lines are the network connections of one check. Drivers have their own time
// limits and close connections late. Closing the connections below them ends
// them with the run.
type lines struct {
	mu     sync.Mutex
	open   map[*line]struct{}
	run    context.Context // of the run under way whose end cuts them; nil or never done between two
	dialed int             // how many were ever made, or tried
	closed bool            // the check is over
}

// line is a connection that is in lines until it is closed.
type line struct {
	net.Conn
	of   *lines
	made time.Time
}

// Close closes it and forgets it.
func (l *line) Close() error {
	l.of.mu.Lock()
	delete(l.of.open, l)
	l.of.mu.Unlock()
	return l.Conn.Close()
}

// SyscallConn lets drivers see whether the server has hung up.
func (l *line) SyscallConn() (syscall.RawConn, error) { return l.Conn.(syscall.Conn).SyscallConn() }

// dial connects as net.Dialer does, until the end of the run under way: drivers have
// contexts of their own.
func (l *lines) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	l.mu.Lock()
	l.dialed++
	run := l.run
	l.mu.Unlock()
	if run != nil {
		within, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(run, cancel)()
		ctx = within
	}
	conn, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, network, addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case run != nil && run.Err() != nil: // the cut may have been before
		err = run.Err()
	case err == nil && l.closed: // by a goroutine of a driver that is not waited for any more
		err = net.ErrClosed
	}
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		return nil, err
	}
	if l.open == nil {
		l.open = make(map[*line]struct{})
	}
	one := &line{conn, l, time.Now()}
	l.open[one] = struct{}{}
	return one, nil
}

// dialer is what net.Dialer.DialContext is.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// overTLS connects, with TLS on top unless config is nil.
func overTLS(ctx context.Context, config *tls.Config, dial dialer, network, addr string) (net.Conn, error) {
	conn, err := dial(ctx, network, addr)
	if err != nil || config == nil {
		return conn, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// dials is how many connections were ever made, or tried.
func (l *lines) dials() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dialed
}

// oldest returns when the oldest of those that are open was made, the zero time if none is.
func (l *lines) oldest() (made time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for one := range l.open {
		if made.IsZero() || one.made.Before(made) {
			made = one.made
		}
	}
	return made
}

// cut closes all that are open: a read from one of them fails.
func (l *lines) cut() {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for one := range open {
		_ = one.Conn.Close()
	}
}

// end is cut, for good.
func (l *lines) end() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cut()
}

// cutAfter cuts when ctx is done, until stop is called; no connection is made after the
// cut. Stop waits for a cut that has begun: it would hit the connections of the next run.
func (l *lines) cutAfter(ctx context.Context) (stop func()) {
	l.setRun(ctx)
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() { defer close(done); l.cut() })
	return func() {
		if !cancel() {
			<-done
		}
		l.setRun(context.Background())
	}
}

func (l *lines) setRun(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run = ctx
}
