package kymo

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// The abilities of inner writers, to be combined.
type (
	least      struct{ h http.Header }
	canFlushIt struct{}
	canHijack  struct{ err error }
	canRead    struct{ n *int64 }
	canNotify  struct{}
	canPush    struct{}
)

func (w least) Header() http.Header         { return w.h }
func (w least) WriteHeader(int)             {}
func (w least) Write(p []byte) (int, error) { return len(p), nil }
func (canFlushIt) Flush()                   {}
func (c canHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, c.err
}
func (c canRead) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(io.Discard, src)
	*c.n += n
	return n, err
}
func (canNotify) CloseNotify() <-chan bool               { return nil }
func (canPush) Push(t string, _ *http.PushOptions) error { return errors.New("no push of " + t) }

func TestShapesClaimWhatTheInnerWriterCan(t *testing.T) {
	abilities := func(w http.ResponseWriter) (s string) {
		if _, ok := w.(http.Flusher); ok {
			s += "flush "
		}
		if _, ok := w.(http.Hijacker); ok {
			s += "hijack "
		}
		if _, ok := w.(io.ReaderFrom); ok {
			s += "readfrom "
		}
		if _, ok := w.(closeNotifier); ok {
			s += "notify "
		}
		if _, ok := w.(http.Pusher); ok {
			s += "push "
		}
		return s
	}
	var n int64
	for _, inner := range []http.ResponseWriter{
		least{},
		struct {
			least
			canFlushIt
		}{},
		struct {
			least
			canFlushIt
			canHijack
		}{},
		struct {
			least
			canFlushIt
			canHijack
			canRead
		}{canRead: canRead{&n}},
		struct {
			least
			canFlushIt
			canHijack
			canRead
			canNotify
		}{canRead: canRead{&n}},
		struct {
			least
			canFlushIt
			canNotify
			canPush
		}{},
	} {
		outer := (&writer{inner: inner}).shape()
		if got, want := abilities(outer), abilities(inner); got != want {
			t.Errorf("%q became %q", want, got)
		}
		if n := testing.AllocsPerRun(100, func() { (&writer{inner: inner}).shape() }); n > 1 {
			t.Errorf("%q: the shape takes an allocation", abilities(inner))
		}
	}
}
