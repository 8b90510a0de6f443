package kymo

import (
	"net/http"
	"strings"
)

// writer is the ResponseWriter that handlers see: it notes the status, the size
// and the moment when the header is written. It is pooled, one for each request.
type writer struct {
	inner http.ResponseWriter
	m     *Monitor
	shard *shard

	start int64 // as in record, as is what follows
	first int64
	size  int64

	status   int // the final one; 0 until it is known
	stream   bool
	hijacked bool
	probe    bool // it asks for our health, and is no request of the service's

	pattern string // noted by a middleware further in
	user    string
	route   string
}

// reset makes w fit for the pool. It leaves what each request sets.
func (w *writer) reset() {
	w.inner = gone{}
	w.size, w.status, w.stream, w.hijacked, w.probe = 0, 0, false, false, false
	if w.pattern != "" {
		w.pattern = ""
	}
	if w.user != "" {
		w.user = ""
	}
	if w.route != "" {
		w.route = ""
	}
}

// monitored marks our writers, whatever their shape.
func (w *writer) monitored() *writer { return w }

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.inner }

func (w *writer) Header() http.Header { return w.inner.Header() }

func (w *writer) WriteHeader(status int) {
	// An informational status is followed by a final one, but for 101. What is
	// out of range makes the inner writer panic.
	if w.status == 0 && (status >= 200 && status <= 999 || status == http.StatusSwitchingProtocols) {
		w.commit(status)
	}
	w.inner.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.commit(http.StatusOK)
	}
	n, err := w.inner.Write(p)
	w.size += int64(n)
	return n, err
}

// WriteString spares the copy that io.WriteString makes for a writer without it.
func (w *writer) WriteString(s string) (int, error) {
	if w.status == 0 {
		w.commit(http.StatusOK)
	}
	n, err := writeString(w.inner, s)
	w.size += int64(n)
	return n, err
}

// FlushError is what http.ResponseController calls. Every shape has it, so that
// a flush does not go past us to a writer further in.
func (w *writer) FlushError() error {
	if !canFlush(w.inner) {
		return http.ErrNotSupported
	}
	if w.status == 0 {
		w.commit(http.StatusOK)
	}
	return http.NewResponseController(w.inner).Flush()
}

// canFlush says whether http.ResponseController would find a way to flush rw.
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

// commit takes status as the final one. The header is about to be written.
func (w *writer) commit(status int) {
	w.status = status
	w.first = w.m.now() - w.start
	h := w.inner.Header()
	if len(h) != 0 {
		w.stream = isStream(h)
	} else if h == nil {
		return
	}
	h[responseTime] = responseTimeValue(w.first)
	if w.m.timing {
		h[serverTiming] = append(h[serverTiming], serverTimingValue(w.first))
	}
}

const eventStream = "text/event-stream"

func isStream(h http.Header) bool {
	v := h["Content-Type"]
	return len(v) != 0 && len(v[0]) >= len(eventStream) && strings.EqualFold(v[0][:len(eventStream)], eventStream)
}

// find returns the nearest of our writers at rw or within it, nil if there is none.
func find(rw http.ResponseWriter) *writer {
	// A chain that does not end is a bug elsewhere; it must not hang us.
	for range maxChain {
		if w, ok := rw.(interface{ monitored() *writer }); ok {
			return w.monitored()
		}
		u, ok := rw.(unwrapper)
		if !ok {
			return nil
		}
		rw = u.Unwrap()
	}
	return nil
}

const maxChain = 64

type unwrapper interface{ Unwrap() http.ResponseWriter }
