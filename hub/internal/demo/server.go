package demo

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// server is the shop's HTTP server.
type server struct {
	http  *http.Server
	url   string
	ended chan struct{}
}

// serve serves the handler on a free port of the loopback interface.
func serve(handler http.Handler, logger *slog.Logger) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		},
		url:   "http://" + l.Addr().String(),
		ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		_ = s.http.Serve(l) // it ends when it is stopped
	}()
	return s, nil
}

// stop waits for the requests in flight, and cuts off those that take too long.
func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
		err = fmt.Errorf("requests were cut off after %s: %w", stopTime, err)
	}
	<-s.ended
	return err
}
