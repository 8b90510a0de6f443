package kymo

import (
	"log"
	"net/http"
	"path"
	"runtime"
	"strings"
)

// logWriteHeader does what net/http does when WriteHeader is called once more or
// on a connection that was taken over, if the writer below is net/http's own for
// HTTP/1 or http.TimeoutHandler's: it logs where the call is. That place would be
// ours if the call were passed on. s is the state. It reports whether it did.
func (w *writer) logWriteHeader(s uint32, status int) bool {
	switch typeName(w.below) {
	case "net/http.response":
		if s&flagHijacked != 0 {
			return w.logCall("response.WriteHeader on hijacked connection")
		}
		return s&statusBits != 0 && w.logCall("superfluous response.WriteHeader call")
	case "net/http.timeoutWriter":
		if status < 100 || status > 999 {
			return false // it panics
		}
		// After its timeout, it logs nothing.
		if _, err := w.below.Write(nil); err != nil {
			return false
		}
		return w.logCall("superfluous response.WriteHeader call")
	}
	return false
}

// logWrite does what net/http's own writer for HTTP/1 does when a handler writes
// to it after it took the connection over. It reports whether it did.
func (w *writer) logWrite() bool {
	return typeName(w.below) == "net/http.response" && w.logCall("response.Write on hijacked connection")
}

// logCall logs what is wrong with the handler's call, as net/http words it, where
// the server logs. It reports whether there is a server.
func (w *writer) logCall(what string) bool {
	srv, ok := w.parent.Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return false
	}
	const format = "http: %s from %s (%s:%d)"
	where := caller()
	args := []any{what, where.Function, path.Base(where.File), where.Line}
	if srv.ErrorLog != nil {
		srv.ErrorLog.Printf(format, args...)
	} else {
		log.Printf(format, args...)
	}
	return true
}

// caller returns the innermost frame outside of net/http and this package's writers.
func caller() runtime.Frame {
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for {
		frame, more := frames.Next()
		if !more || !strings.HasPrefix(frame.Function, "net/http.") && !isWriterFrame(frame.Function) {
			return frame
		}
	}
}

func isWriterFrame(function string) bool {
	name, ok := strings.CutPrefix(function, "github.com/kymohq/kymo.")
	return ok && (strings.HasPrefix(name, "(*writer).") || strings.HasPrefix(name, "shape"))
}
