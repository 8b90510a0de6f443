package kymotest

import (
	"context"
	"io"
	"net/http"
)

// Pause tells the suite that a handler is running, and returns when the suite lets
// it go on or its client has gone away: ctx is done then. ctx is the request's
// context, or derived from it. Outside of the suite, Pause returns at once.
func Pause(ctx context.Context) {
	p, ok := ctx.Value(pauseKey{}).(*pause)
	if !ok {
		return
	}
	select {
	case p.entered <- struct{}{}:
	case <-ctx.Done():
	}
	select {
	case <-p.released:
	case <-ctx.Done():
	}
}

type pauseKey struct{}

// pause is of one request.
type pause struct {
	entered  chan struct{} // a handler has called Pause
	released chan struct{} // closed to let it go on
}

func newPause() *pause {
	return &pause{entered: make(chan struct{}, 1), released: make(chan struct{})}
}

// Upgrade takes the connection over as libraries for WebSocket do, which ask w
// whether it is an http.Hijacker. It switches to a protocol that answers one line.
// It panics if the connection cannot be taken over.
func Upgrade(w http.ResponseWriter) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: kymotest\r\n\r\n")
	line, err := rw.ReadString('\n')
	if err != nil {
		return
	}
	io.WriteString(rw, "you said "+line)
	rw.Flush()
}
