// Package kymohook wraps handlers by Kymo's middleware.
package kymohook

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"regexp"

	"github.com/kymohq/kymo"
)

// Place is where handlers are to be wrapped.
var Place = os.Getenv("KYMO_UPSTREAM_PLACE")

var monitor = kymo.New("upstream", kymo.WithSink(discard{}), kymo.WithLogger(slog.New(slog.DiscardHandler)))

type discard struct{}

func (discard) Ship(context.Context, []byte) error { return nil }

// Wrap wraps next. It adds a byte to the file that counts handlers, as a proof
// that there were any.
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
	return monitor.Middleware(next)
}

var responseTime = regexp.MustCompile(`X-Response-Time: \d+ms\r\n`)

// WithoutResponseTime returns a response as it is on the wire without its first
// header that Kymo adds. There must be no second.
func WithoutResponseTime(response string) string {
	if at := responseTime.FindStringIndex(response); at != nil {
		return response[:at[0]] + response[at[1]:]
	}
	return response
}
