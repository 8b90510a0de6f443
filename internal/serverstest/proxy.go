package serverstest

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// ProxyServer stands between a client and a server, and makes trouble. At first
// it makes none.
type ProxyServer struct {
	listener net.Listener
	target   string

	mu       sync.Mutex
	trouble  trouble
	changed  chan struct{} // closed when trouble changes
	open     map[net.Conn]struct{}
	accepted int
	done     sync.WaitGroup
}

// trouble is what happens to what the server sends.
type trouble struct {
	delay  time.Duration
	hang   bool
	refuse bool
}

// Proxy starts a proxy of the server at target, as host:port.
func Proxy(t testing.TB, target string) *ProxyServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &ProxyServer{listener: listener, target: target,
		changed: make(chan struct{}), open: make(map[net.Conn]struct{})}
	served := make(chan struct{})
	go func() { defer close(served); p.serve() }()
	t.Cleanup(func() {
		_ = listener.Close()
		<-served // so that Cut misses none
		p.Cut()
		p.done.Wait()
	})
	return p
}

// Addr is where it listens, as host:port.
func (p *ProxyServer) Addr() string { return p.listener.Addr().String() }

// Pass ends all trouble.
func (p *ProxyServer) Pass() { p.make(trouble{}) }

// Delay holds back what the server sends, piece by piece, for that long.
func (p *ProxyServer) Delay(d time.Duration) { p.make(trouble{delay: d}) }

// Hang accepts connections, and forwards nothing on any.
func (p *ProxyServer) Hang() { p.make(trouble{hang: true}) }

// Refuse closes new connections at once. Those that are open stay.
func (p *ProxyServer) Refuse() { p.make(trouble{refuse: true}) }

// Cut closes the connections that are open.
func (p *ProxyServer) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
}

// Open is how many connections clients have.
func (p *ProxyServer) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}

// Accepted is how many connections clients ever made.
func (p *ProxyServer) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

func (p *ProxyServer) make(t trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = t
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *ProxyServer) now() (trouble, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble, p.changed
}

func (p *ProxyServer) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.mu.Lock()
		p.accepted++
		refuse := p.trouble.refuse
		if !refuse {
			p.open[client] = struct{}{}
		}
		p.mu.Unlock()
		if refuse {
			_ = client.(*net.TCPConn).SetLinger(0) // a reset, which cannot be mistaken for an end
			_ = client.Close()
			continue
		}
		p.done.Go(func() {
			p.join(client)
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.open, client)
		})
	}
}

// join connects a client to the server until one of them has enough.
func (p *ProxyServer) join(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	end := make(chan struct{})
	var once sync.Once
	stop := func() { once.Do(func() { close(end); _ = client.Close(); _ = server.Close() }) }
	var both sync.WaitGroup
	// A client that leaves needs nothing more; what the server said last, the
	// client should still get.
	both.Go(func() { p.forward(server, client, false, end); stop() })
	both.Go(func() { p.forward(client, server, true, end); stop() })
	both.Wait()
}

// forward sends what it reads. It keeps reading while it holds data back, to notice
// the end.
func (p *ProxyServer) forward(to io.Writer, from io.Reader, fromServer bool, end <-chan struct{}) {
	pieces := make(chan []byte, 1024)
	gone := make(chan struct{})
	go func() {
		defer close(pieces)
		for {
			piece := make([]byte, 32<<10)
			n, err := from.Read(piece)
			if n > 0 {
				select {
				case pieces <- piece[:n]:
				case <-end:
					return
				}
			}
			if err != nil {
				if !fromServer {
					close(gone)
				}
				return
			}
		}
	}()
	for {
		select {
		case piece, ok := <-pieces:
			if !ok || !p.hold(fromServer, end, gone) {
				return
			}
			if _, err := to.Write(piece); err != nil {
				return
			}
		case <-end:
			return
		}
	}
}

// hold waits as long as the trouble wants; false means that it is over meanwhile.
func (p *ProxyServer) hold(fromServer bool, end, gone <-chan struct{}) bool {
	for {
		now, changed := p.now()
		var after <-chan time.Time
		switch {
		case now.hang:
		case now.delay > 0 && fromServer:
			after = time.After(now.delay)
		default:
			return true
		}
		select {
		case <-after:
			return true
		case <-changed:
		case <-end:
			return false
		case <-gone:
			return false
		}
	}
}
