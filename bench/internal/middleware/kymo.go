package middleware

import (
	"context"
	"net/http"

	"github.com/kymohq/kymo"
)

// accept is a hub that keeps every batch at once.
type accept struct{}

func (accept) Ship(context.Context, []byte) error { return nil }

func kymoMiddleware(next http.Handler) watched {
	m := kymo.New("bench", kymo.WithSink(accept{}))
	return watched{m.Middleware(next), func() (kept, lost uint64) {
		_ = m.Close(context.Background()) // what it could not ship is in the stats
		s := m.Stats()
		return s.Shipped, s.Dropped
	}}
}

func helloUser(w http.ResponseWriter, r *http.Request) {
	kymo.SetUser(w, "user-4711")
	hello(w, r)
}
