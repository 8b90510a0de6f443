package kymogin

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
)

// writer is what handlers get. What it does not send, gin's writer does.
type writer struct {
	gin.ResponseWriter
	kymo http.ResponseWriter
}

// Unwrap returns Kymo's writer, which leads to gin's.
func (w *writer) Unwrap() http.ResponseWriter { return w.kymo }

func (w *writer) WriteHeaderNow() {
	if !w.Written() {
		w.kymo.WriteHeader(w.Status())
	}
}

func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeaderNow()
	return w.kymo.Write(p)
}

func (w *writer) WriteString(s string) (int, error) {
	w.WriteHeaderNow()
	return io.WriteString(w.kymo, s)
}

func (w *writer) Flush() {
	w.WriteHeaderNow()
	w.kymo.(http.Flusher).Flush()
}

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.kymo.(http.Hijacker).Hijack()
}
