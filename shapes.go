package kymo

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// A handler asks by type assertion what its ResponseWriter can do, so ours must
// have the abilities of the inner one and no others. Five shapes cover what
// exists: the two of net/http, and what other middlewares leave of them. The
// rest can be reached through Unwrap. All are one pointer, which an interface
// holds without an allocation.
type (
	flushing  struct{ *writer }   // Flush
	hijacking struct{ flushing }  // and Hijack
	sending   struct{ hijacking } // and ReadFrom, which is sendfile
	http1     struct{ sending }   // and CloseNotify: net/http's for HTTP/1
	http2     struct{ flushing }  // Flush, Push and CloseNotify: net/http's for HTTP/2
)

type closeNotifier interface{ CloseNotify() <-chan bool }

// shape returns w with the abilities of its inner writer.
func (w *writer) shape() http.ResponseWriter {
	switch w.inner.(type) {
	case interface {
		http.Flusher
		http.Hijacker
		io.ReaderFrom
		closeNotifier
	}:
		return http1{sending{hijacking{flushing{w}}}}
	case interface {
		http.Flusher
		http.Pusher
		closeNotifier
	}:
		return http2{flushing{w}}
	case interface {
		http.Flusher
		http.Hijacker
		io.ReaderFrom
	}:
		return sending{hijacking{flushing{w}}}
	case interface {
		http.Flusher
		http.Hijacker
	}:
		return hijacking{flushing{w}}
	case http.Flusher:
		return flushing{w}
	}
	return w
}

func (w flushing) Flush() { _ = w.FlushError() }

func (w hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.inner.(http.Hijacker).Hijack()
	if err == nil {
		w.hijacked = true
		if w.status == 0 {
			w.status = http.StatusSwitchingProtocols
			w.first = w.m.now() - w.start
		}
	}
	return conn, rw, err
}

func (w sending) ReadFrom(src io.Reader) (int64, error) {
	if w.status == 0 {
		w.commit(http.StatusOK)
	}
	n, err := w.inner.(io.ReaderFrom).ReadFrom(src)
	w.size += n
	return n, err
}

func (w http1) CloseNotify() <-chan bool { return w.inner.(closeNotifier).CloseNotify() }

func (w http2) CloseNotify() <-chan bool { return w.inner.(closeNotifier).CloseNotify() }

func (w http2) Push(target string, opts *http.PushOptions) error {
	return w.inner.(http.Pusher).Push(target, opts)
}

func writeString(w io.Writer, s string) (int, error) { return io.WriteString(w, s) }
