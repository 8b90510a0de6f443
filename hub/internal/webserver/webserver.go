// Package webserver serves a handler over HTTP: Listen opens an address, Start begins on
// it, WriteReady tells other programs, and Stop lets the requests in flight finish. Guard puts limits on how long the
// handler waits for a client, in this server or in any other.
package webserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/kymohq/kymo/internal/duration"
)

// What a server waits for before and after its handler, which Guard is for.
const (
	headerTime    = 10 * time.Second // to send a request's header
	answerTime    = 30 * time.Second // to take an answer that is not the handler's
	idleTime      = 2 * time.Minute  // between two requests of a connection
	pingTime      = 15 * time.Second // HTTP/2: to answer a ping, which is sent after as long a silence
	maxHeaderSize = 64 << 10
)

// StopTime is how long requests in flight may take to finish when the process is
// asked to stop: less than what Kubernetes and systemd grant.
const StopTime = 20 * time.Second

// Server is an HTTP server that runs until it is stopped.
type Server struct {
	http   *http.Server
	url    string
	failed chan error
}

// Start serves the handler on l, which the server closes. Errors of connections go
// to the logger.
func Start(l net.Listener, handler http.Handler, logger *slog.Logger) *Server {
	return start(l, newServer(handler, logger))
}

func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		WriteTimeout:      answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderSize,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: pingTime, PingTimeout: pingTime, WriteByteTimeout: answerTime},
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if outer, ok := c.(*tls.Conn); ok {
				c = outer.NetConn()
			}
			boundUnsent(c)
			return ctx
		},
	}
}

func start(l net.Listener, server *http.Server) *Server {
	s := &Server{
		http:   server,
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

// URL returns the server's URL as a client on this machine would write it.
func (s *Server) URL() string { return s.url }

// Failed returns a channel that gets the error of a server that ended by itself,
// and is closed when it has ended.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop takes no more connections, waits for the requests in flight, and cuts off
// those that take longer than limit, which is an error.
func (s *Server) Stop(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
		err = fmt.Errorf("requests were cut off after %s: %w", duration.Text(limit), err)
	}
	<-s.failed //nolint:errcheck // the error of a server that ended is for readers of Failed
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
