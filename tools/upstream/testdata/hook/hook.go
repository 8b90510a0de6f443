// Package kymohook wraps handlers by what the environment asks for: Kymo's
// middleware, or a handler that adds its header and does nothing else.
package kymohook

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"github.com/kymohq/kymo"
)

// Place is where handlers are to be wrapped.
var Place = os.Getenv("KYMO_UPSTREAM_PLACE")

var wrap = wrapper(os.Getenv("KYMO_UPSTREAM_WITH"))

// Wrap wraps next and adds a byte to the file that counts handlers, as a proof
// that any were wrapped.
func Wrap(next http.Handler) http.Handler {
	count, err := os.OpenFile(os.Getenv("KYMO_UPSTREAM_COUNT"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		panic(err)
	}
	if _, err = count.Write([]byte{'.'}); err != nil {
		panic(err)
	}
	if err = count.Close(); err != nil {
		panic(err)
	}
	return wrap(next)
}

func wrapper(with string) func(next http.Handler) http.Handler {
	switch with {
	case "kymo":
		m := kymo.New("upstream", kymo.WithSink(discard{}), kymo.WithLogger(slog.New(slog.DiscardHandler)))
		return m.Middleware
	case "header":
		return func(next http.Handler) http.Handler {
			if next == nil {
				next = http.DefaultServeMux
			}
			return header{next}
		}
	}
	panic("KYMO_UPSTREAM_WITH is " + with)
}

type discard struct{}

func (discard) Ship(context.Context, []byte) error { return nil }

type header struct{ next http.Handler }

func (h header) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["X-Response-Time"] = []string{"0ms"}
	h.next.ServeHTTP(w, r)
}
