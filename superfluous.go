package kymo

import (
	"log"
	"net/http"
	"path"
	"runtime"
	"strings"
)

// logSuperfluous does what net/http does when WriteHeader is called once more,
// if below is net/http's own writer for HTTP/1: it logs where the call is. That
// place would be ours if the call were passed on. It reports whether it did.
func logSuperfluous(below http.ResponseWriter, r *http.Request) bool {
	if typeName(below) != "net/http.response" {
		return false
	}
	srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return false
	}
	const format = "http: superfluous response.WriteHeader call from %s (%s:%d)"
	where := caller()
	args := []any{where.Function, path.Base(where.File), where.Line}
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
	return ok && (strings.HasPrefix(name, "(*writer).") || strings.HasPrefix(name, "shape") || name == "logSuperfluous")
}
