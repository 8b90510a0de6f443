package demo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestLoadIsBounded has a shop that never answers: no more than maxInFlight
// requests wait for it.
func TestLoadIsBounded(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	waiting := make(chan bool, 2*maxInFlight)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		waiting <- true
		<-ctx.Done()
	}))
	defer server.Close()
	l := newLoad(server.URL, 1_000_000)
	ended := make(chan bool)
	go func() {
		defer close(ended)
		l.run(ctx)
	}()
	for range maxInFlight {
		<-waiting
	}
	stop()
	<-ended
	if sent := l.sent.Load(); sent != maxInFlight || l.failed.Load() != 0 {
		t.Errorf("sent %d, of which %d failed; want %d", sent, l.failed.Load(), maxInFlight)
	}
}

func TestLoadCountsAnswersThatBreakOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
	}))
	defer server.Close()
	l := newLoad(server.URL, 1)
	l.send("GET", "/", "", nil, nil)
	l.send("GET", "\x00", "", nil, nil)
	if l.sent.Load() != 2 || l.failed.Load() != 2 {
		t.Errorf("sent %d, failed %d", l.sent.Load(), l.failed.Load())
	}
}
