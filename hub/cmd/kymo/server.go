package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Limits of the HTTP servers. Bodies have limits of their own, in the hub.
const (
	headerTime    = 10 * time.Second // to send a request's header
	idleTime      = 2 * time.Minute  // between two requests of a connection
	maxHeaderSize = 64 << 10
	// stopTime is how long requests in flight may take to finish when the
	// process is asked to stop: less than what Kubernetes and systemd grant.
	stopTime = 20 * time.Second
)

// listen opens a TCP port.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen: %s is in use by another process; stop it, or name another with --listen host:port", address)
		}
		return nil, fmt.Errorf("listen: cannot listen on %s: %w", address, err)
	}
	return l, nil
}

// webServer is an HTTP server that runs until it is stopped.
type webServer struct {
	http   *http.Server
	url    string
	failed chan error // why it ended, if nobody stopped it
}

// serveOn starts serving the handler on l.
func serveOn(l net.Listener, handler http.Handler, logger *slog.Logger) *webServer {
	s := &webServer{
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: headerTime,
			IdleTimeout:       idleTime,
			MaxHeaderBytes:    maxHeaderSize,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		},
		url:    "http://" + reachable(l.Addr()),
		failed: make(chan error, 1),
	}
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve: %w", err)
		}
		close(s.failed)
	}()
	return s
}

// stop takes no more connections, waits for the requests in flight, and cuts
// off those that take longer than limit.
func (s *webServer) stop(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
		err = fmt.Errorf("requests were cut off after %s: %w", limit, err)
	}
	<-s.failed
	return err
}

// reachable is the address as a client on this machine would write it.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return fmt.Sprintf("localhost:%d", tcp.Port)
}
