package kymo

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// least is a ResponseWriter that can do nothing else.
type least struct{ h http.Header }

func (w least) Header() http.Header         { return w.h }
func (w least) WriteHeader(int)             {}
func (w least) Write(p []byte) (int, error) { return len(p), nil }

// able can do everything, and notes what was asked of it.
type able struct {
	least
	calls *[]string
	err   error
}

func (a able) note(call string)                             { *a.calls = append(*a.calls, call) }
func (a able) Flush()                                       { a.note("Flush") }
func (a able) CloseNotify() <-chan bool                     { a.note("CloseNotify"); return nil }
func (a able) Push(t string, _ *http.PushOptions) error     { a.note("Push " + t); return a.err }
func (a able) WriteString(s string) (int, error)            { a.note("WriteString " + s); return len(s), nil }
func (a able) Hijack() (net.Conn, *bufio.ReadWriter, error) { a.note("Hijack"); return nil, nil, a.err }
func (a able) ReadFrom(src io.Reader) (int64, error) {
	a.note("ReadFrom")
	return io.Copy(io.Discard, src)
}
func (able) SetReadDeadline(time.Time) error { return nil }

// optional are the interfaces in the order of the bits of abilities.
var optional = []func(w http.ResponseWriter) bool{
	func(w http.ResponseWriter) bool { _, ok := w.(http.Flusher); return ok },
	func(w http.ResponseWriter) bool { _, ok := w.(http.Hijacker); return ok },
	func(w http.ResponseWriter) bool { _, ok := w.(io.ReaderFrom); return ok },
	func(w http.ResponseWriter) bool { _, ok := w.(http.CloseNotifier); return ok }, //nolint:staticcheck // handlers still ask for it
	func(w http.ResponseWriter) bool { _, ok := w.(http.Pusher); return ok },
	func(w http.ResponseWriter) bool { _, ok := w.(io.StringWriter); return ok },
}

// TestEveryShape makes a writer with each set of abilities, and puts the
// middleware over it.
func TestEveryShape(t *testing.T) {
	m, sink := monitor(t)
	for set := range 1 << len(optional) {
		var calls []string
		w := &writer{below: able{least{make(http.Header)}, &calls, errors.New("no")}}
		w.m = m
		w.state.Store(flagHeaded | flagReturned | flagDone)
		inner := w.as(abilities(set))
		want := make([]string, 0, len(optional))
		m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i, has := range optional {
				if got, want := has(w), set&(1<<i) != 0; got != want || has(inner) != want {
					t.Errorf("set %b, interface %d: below %v, within %v", set, i, has(inner), got)
				}
			}
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
				want = append(want, "Flush")
			}
			if h, ok := w.(http.Hijacker); ok {
				h.Hijack()
				want = append(want, "Hijack")
			}
			if f, ok := w.(io.ReaderFrom); ok {
				f.ReadFrom(http.NoBody)
				want = append(want, "ReadFrom")
			}
			if c, ok := w.(closeNotifier); ok {
				c.CloseNotify()
				want = append(want, "CloseNotify")
			}
			if p, ok := w.(http.Pusher); ok {
				p.Push("/a", nil)
				want = append(want, "Push /a")
			}
			if s, ok := w.(io.StringWriter); ok {
				s.WriteString("b")
				want = append(want, "WriteString b")
			}
			if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
				t.Errorf("set %b: what is below is not found by Unwrap: %v", set, err)
			}
		})).ServeHTTP(inner, httptest.NewRequest("GET", "/", nil))
		if !slices.Equal(calls, want) {
			t.Errorf("set %b: %v reached the writer below, want %v", set, calls, want)
		}
	}
	closeMonitor(t, m)
	if n := len(sink.kept()); n != 1<<len(optional) {
		t.Errorf("%d requests were kept", n)
	}
}

func TestShapesTakeNoAllocation(t *testing.T) {
	w := &writer{below: httptest.NewRecorder()}
	if n := testing.AllocsPerRun(100, func() { w.as(writerTypeOf(w.below).set) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
