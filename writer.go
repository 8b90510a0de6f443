package kymo

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
)

// writer is the ResponseWriter that handlers get, in one of the shapes of shapes.go. It
// notes the status, the size and the time at which the header is written. Once the
// middleware has returned, it only passes calls on.
type writer struct {
	exchange
	below http.ResponseWriter
	value [1]string // of X-Response-Time, which the header's map refers to
}

// monitored marks our writers, whatever their shape.
func (w *writer) monitored() *exchange {
	if n := w.notes.Load(); n != nil && n.joined != nil {
		return n.joined
	}
	return &w.exchange
}

// Unwrap returns the writer below, for http.ResponseController and for code that
// looks for an interface that Kymo does not know.
func (w *writer) Unwrap() http.ResponseWriter {
	if w.state.Load()&(flagUnwrapped|flagReturned) == 0 {
		w.state.Or(flagUnwrapped)
	}
	return w.below
}

func (w *writer) Header() http.Header { return w.below.Header() }

func (w *writer) WriteHeader(status int) {
	if s := w.state.Load(); s&(statusBits|flagInformed) != 0 && w.logWriteHeader(s, status) {
		return
	}
	// An informational status is followed by a final one, except for 101. A status out
	// of range makes the writer below panic.
	if status >= 200 && status <= 999 || status == http.StatusSwitchingProtocols {
		w.begin(status)
	}
	w.below.WriteHeader(status)
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.state.Or(flagInformed)
	}
}

func (w *writer) Write(p []byte) (int, error) {
	s := w.begin(http.StatusOK)
	if s&flagHijacked != 0 && len(p) > 0 && w.logWrite() {
		return 0, http.ErrHijacked
	}
	n, err := w.below.Write(p)
	if s&(flagParts|flagFramed) != 0 {
		w.follow(s, p[:min(max(n, 0), len(p))])
	}
	w.wrote(int64(n), err)
	return n, err
}

func (w *writer) writeString(s string) (int, error) {
	state := w.begin(http.StatusOK)
	if state&flagHijacked != 0 && s != "" && w.logWrite() {
		return 0, http.ErrHijacked
	}
	n, err := w.below.(io.StringWriter).WriteString(s)
	if state&flagFramed != 0 {
		w.follow(state, []byte(s[:min(max(n, 0), len(s))]))
	} else if state&flagParts != 0 {
		w.follow(state, nil)
	}
	w.wrote(int64(n), err)
	return n, err
}

func (w *writer) readFrom(src io.Reader) (int64, error) {
	before := w.state.Load()
	if w.isFramed(before) {
		return io.Copy(onlyWriter{w}, src) // so that Write sees the frames
	}
	s := w.begin(http.StatusOK)
	n, err := w.below.(io.ReaderFrom).ReadFrom(src)
	if n == 0 && before&statusBits == 0 && !isMisuse(err) {
		// Nothing came from src: net/http has not written the header, and the handler
		// may still answer with an error.
		w.takeBack(before)
		return n, err
	}
	if s&flagParts != 0 {
		w.follow(s, nil)
	}
	if err != nil && w.parent.Err() == nil {
		err, failed := error(nil), err // the error is the source's; the client is still there
		w.wrote(n, err)
		return n, failed
	}
	w.wrote(n, err)
	return n, err
}

// isFramed reports whether the body has the frames of a remote procedure call; s is the
// state.
func (w *writer) isFramed(s uint32) bool {
	if s&(statusBits|flagReturned) == 0 {
		s = responseFlags(w.below.Header())
	}
	return s&flagFramed != 0
}

// takeBack undoes begin, since the header was not written after all. before is the state
// before begin.
func (w *writer) takeBack(before uint32) {
	const own = flagHeaded | flagStream | flagParts | flagFramed | flagGone
	undo := uint32(statusBits)
	if before&flagReturned == 0 {
		undo |= own &^ before
		w.removeHeaders(w.below.Header())
	}
	for {
		s := w.state.Load()
		if s&flagReturned != before&flagReturned {
			return // the request was recorded meanwhile
		}
		if w.state.CompareAndSwap(s, s&^undo) {
			return
		}
	}
}

// onlyWriter hides the other methods of a writer from io.Copy.
type onlyWriter struct{ io.Writer }

// FlushError is what http.ResponseController calls. Every shape has it, so that
// a flush does not go past us to a writer further out.
func (w *writer) FlushError() error {
	if !canFlush(w.below) {
		return http.ErrNotSupported
	}
	if s := w.begin(http.StatusOK); s&flagParts != 0 {
		w.state.Or(flagFlushed)
	}
	err := http.NewResponseController(w.below).Flush()
	w.wrote(0, err)
	return err
}

func (w *writer) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.below.(http.Hijacker).Hijack()
	if err == nil {
		w.commit(http.StatusSwitchingProtocols)
		w.state.Or(flagHijacked | flagHeaded)
	}
	return conn, rw, err
}

func (w *writer) closeNotify() <-chan bool { return w.below.(closeNotifier).CloseNotify() }

func (w *writer) push(target string, opts *http.PushOptions) error {
	return w.below.(http.Pusher).Push(target, opts)
}

// begin takes status as the final one unless the header was written before, and
// returns the state.
func (w *writer) begin(status int) uint32 {
	s := w.state.Load()
	switch {
	case s&flagHeaded == 0 && s&(statusBits|flagReturned) != 0:
		return w.afterHeaders(status)
	case s&statusBits != 0:
		return s
	case s&flagReturned != 0:
		if s&flagDone == 0 {
			w.addLate()
		}
		return w.commitLate(status)
	}
	if !w.commit(status) {
		return w.afterHeaders(status)
	}
	w.addHeaders()
	if w.parent.Err() != nil && w.clientLeft() {
		w.state.Or(flagGone)
	}
	return w.state.Load()
}

// afterHeaders waits, for begin, while another goroutine is adding our headers: writers
// that are safe for concurrent use would send them half added.
func (w *writer) afterHeaders(status int) uint32 {
	for w.state.Load()&flagHeaded == 0 {
		runtime.Gosched()
	}
	return w.begin(status)
}

// addHeaders adds our fields to the header, which is about to be written, and
// derives from it what kind of response follows.
func (w *writer) addHeaders() {
	flags := uint32(flagHeaded)
	defer func() { w.state.Or(flags) }() // even if Header panics, since others wait for it
	h := w.below.Header()
	if len(h) != 0 {
		flags |= responseFlags(h)
	}
	if h != nil {
		w.value[0] = responseTimeValue(w.first)
		h[responseTime] = w.value[:]
		if w.m.timing {
			h[serverTiming] = append(slices.Clip(h[serverTiming]), serverTimingValue(w.first))
		}
	}
}

// removeHeaders removes what addHeaders added.
func (w *writer) removeHeaders(h http.Header) {
	delete(h, responseTime)
	if v := h[serverTiming]; w.m.timing && len(v) > 1 {
		h[serverTiming] = v[:len(v)-1]
	} else if w.m.timing {
		delete(h, serverTiming)
	}
}

// wrote counts n bytes written, and classifies err.
func (w *writer) wrote(n int64, err error) {
	if n > 0 {
		w.size.Add(n)
	}
	if err == nil {
		return
	}
	switch {
	case errors.Is(err, http.ErrHandlerTimeout):
		w.state.Or(flagTimedOut)
	case w.request != nil && w.request.Method == http.MethodHead:
		// The response to HEAD ends with its header. Over HTTP/2 the stream is closed
		// then, and net/http fails what is written, although nothing is missing.
	case isMisuse(err):
		// The client is still there.
	default:
		w.state.Or(flagFailed)
	}
}

// isMisuse reports whether a write failed because of a mistake of the handler.
func isMisuse(err error) bool {
	return errors.Is(err, http.ErrBodyNotAllowed) || errors.Is(err, http.ErrContentLength) ||
		errors.Is(err, http.ErrHijacked) || errors.Is(err, http.ErrNotSupported)
}

// follow notes that p was written to a response that may be a stream.
func (w *writer) follow(s uint32, p []byte) {
	if s&flagFlushed != 0 {
		w.state.Or(flagStream)
	}
	if s&flagFramed == 0 {
		return
	}
	n := w.note()
	n.mu.Lock()
	n.frames.add(p)
	more := n.frames.messages > 1
	n.mu.Unlock()
	if more {
		w.state.Or(flagStream)
	}
}

type closeNotifier interface{ CloseNotify() <-chan bool }

// canFlush reports whether http.ResponseController finds a way to flush rw.
func canFlush(rw http.ResponseWriter) bool {
	for range maxChain {
		switch t := rw.(type) {
		case http.Flusher, interface{ FlushError() error }:
			return true
		case unwrapper:
			rw = t.Unwrap()
		default:
			return false
		}
	}
	return false
}

// canHijack reports whether http.ResponseController finds a way to hijack rw.
func canHijack(rw http.ResponseWriter) bool {
	for range maxChain {
		switch t := rw.(type) {
		case http.Hijacker:
			return true
		case unwrapper:
			rw = t.Unwrap()
		default:
			return false
		}
	}
	return false
}
