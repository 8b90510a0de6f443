package kymotest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kymohq/kymo"
)

// recovering is a middleware for http.ServeMux as frameworks have one.
func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				http.Error(w, "sorry", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func greet(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kymo.SetUserContext(r.Context(), r.PathValue(name))
		fmt.Fprintln(w, name, r.PathValue(name))
	}
}

// routes are the suite's, on http.ServeMux.
func routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /teams/{team}/members/{member}", greet("member")) // in no mount
	mux.HandleFunc("GET /users/{id}", greet("id"))                        // HEAD, too
	mux.HandleFunc("DELETE /users/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		io.Copy(w, r.Body)
	})
	mux.HandleFunc("GET /files/{path...}", func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, strings.NewReader(strings.Repeat("0123456789", 10_000)))
	})
	mux.Handle("GET /moved", http.RedirectHandler("/users/7", http.StatusFound))
	mux.HandleFunc("GET /nothing", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /fails", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "taken", http.StatusConflict) })
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sorry", http.StatusInternalServerError) })
	mux.HandleFunc("GET /panics", func(http.ResponseWriter, *http.Request) { panic("oops") })
	mux.HandleFunc("GET /panics/late", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "partial")
		w.(http.Flusher).Flush()
		panic("oops")
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		Pause(r.Context())
		io.WriteString(w, "data: 2\n\n")
	})
	mux.HandleFunc("GET /upgrade", func(w http.ResponseWriter, _ *http.Request) { Upgrade(w) })
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		Pause(r.Context())
		io.WriteString(w, "done")
	})
	return mux
}

// around puts a middleware for Kymo, and one that recovers, around h.
func around(s Setup, h http.Handler, monitored func(http.Handler) http.Handler) http.Handler {
	if s.Recovery == RecoveryInside {
		h = recovering(h)
	}
	if s.Monitor != nil {
		h = monitored(h)
	}
	if s.Recovery == RecoveryOutside {
		h = recovering(h)
	}
	return h
}

// standard is the SDK's own middleware as an adapter.
var standard = Adapter{New: func(s Setup) http.Handler {
	return around(s, routes(), func(h http.Handler) http.Handler { return s.Monitor.Middleware(h) })
}}

func TestMiddleware(t *testing.T) { Run(t, standard) }
