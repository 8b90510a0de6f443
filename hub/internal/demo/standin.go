package demo

import (
	"net"
	"sync"
	"time"
)

// standIn is a server on a port of the loopback interface that speaks the
// protocol of a real one as far as its clients here need. It can fail as real ones
// do: be stopped, be slow, or freeze with its port open.
type standIn struct {
	// speak talks to one client until the connection ends, and calls wait before
	// each answer.
	speak func(conn net.Conn, wait func())
	// forget, if not nil, is called when the server stops.
	forget func()

	mu       sync.Mutex
	addr     string       // host:port, the same after each start
	listener net.Listener // nil while it is stopped
	conns    map[net.Conn]struct{}
	pace     time.Duration // before each answer; frozen is for ever
	changed  chan struct{} // closed when the pace changes
	running  sync.WaitGroup
}

const (
	slowPace   = 700 * time.Millisecond
	frozenPace = time.Duration(1<<63 - 1)
)

func newStandIn(speak func(net.Conn, func())) *standIn {
	return &standIn{speak: speak, addr: "127.0.0.1:0", conns: make(map[net.Conn]struct{}), changed: make(chan struct{})}
}

// start opens the port; the pace is normal again.
func (s *standIn) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	s.listener, s.addr = l, l.Addr().String()
	s.setPace(0)
	s.running.Go(func() { s.accept(l) })
	return nil
}

// stop closes the port and all connections, as a crash does.
func (s *standIn) stop() {
	s.mu.Lock()
	if s.listener != nil {
		s.listener.Close()
		s.listener = nil
	}
	for conn := range s.conns {
		conn.Close()
	}
	s.setPace(0) // a client that waits finds its connection closed
	s.mu.Unlock()
	s.running.Wait()
	if s.forget != nil {
		s.forget()
	}
}

// stopped reports whether the port is closed.
func (s *standIn) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listener == nil
}

// setPace is for callers that hold the lock.
func (s *standIn) setPace(pace time.Duration) {
	s.pace = pace
	close(s.changed)
	s.changed = make(chan struct{})
}

// turn changes the pace to this one, or back if it is this one already, and
// returns the pace that is in force.
func (s *standIn) turn(pace time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pace == pace {
		pace = 0
	}
	s.setPace(pace)
	return pace
}

func (s *standIn) accept(l net.Listener) {
	for {
		s.thawed()
		conn, err := l.Accept()
		if err != nil {
			return // it was closed
		}
		s.mu.Lock()
		if s.listener != l {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.conns[conn] = struct{}{}
		s.running.Go(func() {
			s.speak(conn, s.wait)
			conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
		s.mu.Unlock()
	}
}

// thawed returns when the server is not frozen. Until then the kernel takes
// connections for it: clients wait, and those that gave up do not remain connected.
func (s *standIn) thawed() {
	for {
		s.mu.Lock()
		frozen, changed := s.pace == frozenPace, s.changed
		s.mu.Unlock()
		if !frozen {
			return
		}
		<-changed
	}
}

// wait takes as long as an answer does. What is thawed answers at once.
func (s *standIn) wait() {
	s.mu.Lock()
	pace, changed := s.pace, s.changed
	s.mu.Unlock()
	if pace == 0 {
		return
	}
	t := time.NewTimer(pace)
	defer t.Stop()
	select {
	case <-t.C:
	case <-changed:
	}
}

// open is how many connections there are.
func (s *standIn) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
