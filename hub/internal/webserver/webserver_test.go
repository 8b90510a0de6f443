package webserver

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

// TestStopWaitsForRequests and cuts off only those that take too long.
func TestStopWaitsForRequests(t *testing.T) {
	started, release := make(chan bool), make(chan bool)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- true
		if r.URL.Path == "/stuck" {
			<-r.Context().Done()
			return
		}
		<-release
		io.WriteString(w, "done")
	})
	serve := func() *Server {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return Start(l, handler, quiet)
	}

	s := serve()
	answers := make(chan string)
	go func() {
		resp, err := http.Get(s.URL())
		if err != nil {
			answers <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answers <- string(body)
	}()
	<-started
	stopped := make(chan error)
	go func() { stopped <- s.Stop(StopTime) }()
	release <- true
	if got := <-answers; got != "done" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}

	s = serve()
	go http.Get(s.URL() + "/stuck")
	<-started
	if err := s.Stop(time.Millisecond); err == nil || !strings.HasPrefix(err.Error(), "requests were cut off after 1 ms: ") {
		t.Errorf("a stuck request: %v", err)
	}
}

// TestServerThatFails tells why.
func TestServerThatFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := Start(l, http.NotFoundHandler(), quiet)
	if err := <-s.Failed(); err == nil || !strings.HasPrefix(err.Error(), "serve: accept") {
		t.Errorf("got %v", err)
	}
	if err := s.Stop(StopTime); err != nil {
		t.Error(err)
	}
}

func TestReachable(t *testing.T) {
	for want, addr := range map[string]net.Addr{
		"localhost:7":    &net.TCPAddr{IP: net.IPv6zero, Port: 7},
		"127.0.0.1:7":    &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7},
		"[::1]:7":        &net.TCPAddr{IP: net.IPv6loopback, Port: 7},
		"/run/kymo.sock": &net.UnixAddr{Name: "/run/kymo.sock"},
	} {
		if got := reachable(addr); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
