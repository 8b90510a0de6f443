package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// resendAfter is after how long without an answer a question is sent again: datagrams are
// lost now and then, and net.Resolver waits five seconds for one.
const resendAfter = 500 * time.Millisecond

// dnsDial connects to a name server. Its connections end with ctx; the resolver itself
// would heed the deadline alone.
func dnsDial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	if datagrams, ok := conn.(*net.UDPConn); ok {
		return &patient{UDPConn: datagrams}, nil
	}
	return conn, nil
}

// patient sends a datagram again and again while nothing comes back.
type patient struct {
	*net.UDPConn

	mu       sync.Mutex
	sent     []byte
	deadline time.Time
}

// SetDeadline implements net.Conn.
func (p *patient) SetDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	return p.UDPConn.SetDeadline(t)
}

// Write implements net.Conn.
func (p *patient) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent[:0], b...)
	return p.UDPConn.Write(b)
}

// Read implements net.Conn.
func (p *patient) Read(b []byte) (int, error) {
	for {
		p.mu.Lock()
		deadline, sent := p.deadline, p.sent
		p.mu.Unlock()
		next := time.Now().Add(resendAfter)
		last := !deadline.IsZero() && !next.Before(deadline)
		if last {
			next = deadline
		}
		if err := p.SetReadDeadline(next); err != nil {
			return 0, err
		}
		n, err := p.UDPConn.Read(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) || last {
			return n, err
		}
		if _, err := p.UDPConn.Write(sent); err != nil {
			return 0, err
		}
	}
}
