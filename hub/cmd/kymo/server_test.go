package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/config"
)

var quiet = slog.New(slog.DiscardHandler)

func TestListenErrors(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = listen(l.Addr().String())
	if want := " is in use by another process; stop it, or name another with --listen host:port"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("a taken port: %v", err)
	}
	if _, err = listen("192.0.2.1:0"); err == nil || !strings.HasPrefix(err.Error(), "listen: cannot listen on 192.0.2.1:0: ") {
		t.Errorf("an address of another machine: %v", err)
	}
	store := filepath.Join(t.TempDir(), "data")
	runKymo(t, nil, "serve", "--listen", l.Addr().String(), "--store", store).
		expect(t, exitFailed, "is in use by another process")
}

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
	serve := func() *webServer {
		l, err := listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return serveOn(l, handler, quiet)
	}

	s := serve()
	answers := make(chan string)
	go func() {
		resp, err := http.Get(s.url)
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
	go func() { stopped <- s.stop(stopTime) }()
	release <- true
	if got := <-answers; got != "done" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}

	s = serve()
	go http.Get(s.url + "/stuck")
	<-started
	if err := s.stop(time.Millisecond); err == nil || !strings.HasPrefix(err.Error(), "requests were cut off after 1ms: ") {
		t.Errorf("a stuck request: %v", err)
	}
}

func TestServerThatFails(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	conf := config.Default()
	conf.Store = filepath.Join(t.TempDir(), "data")
	h, err := openHub(conf, quiet)
	if err != nil {
		t.Fatal(err)
	}
	err = new(serveCommand).serve(&environment{ctx: t.Context()}, l, &reloader{began: conf, hub: h, logger: quiet})
	if err == nil || !strings.HasPrefix(err.Error(), "serve: accept") {
		t.Errorf("got %v", err)
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
