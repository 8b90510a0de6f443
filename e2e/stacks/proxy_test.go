package stacks

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// newProxy returns a proxy in front of the app and an echo of websockets.
func (e *env) newProxy() http.Handler {
	behind := &env{t: e.t, s: e.s, kymo: itself, seen: e.seen, work: e.work} // without Kymo
	mux := behind.mux()
	mux.HandleFunc("GET /chat/{room}", behind.gorillaEcho)
	upstream := httptest.NewUnstartedServer(mux)
	upstream.Config.ErrorLog = log.New(io.Discard, "", 0)
	upstream.Start()
	e.t.Cleanup(upstream.Close)
	target, err := url.Parse(upstream.URL)
	if err != nil {
		e.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = "example.com"
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.sayUser(w, r)
		proxy.ServeHTTP(w, r)
	})
}

func TestReverseProxy(t *testing.T) {
	chat := []*request{{name: "chat", method: "GET", path: "/chat/1", ask: talk, only: "http1",
		want: expected{endpoint: "/chat/{room}", stream: true, untimed: true}}}
	want := map[string]expected{
		"under":       {status: 500}, // the answer breaks off, and the proxy panics
		"absent":      {endpoint: "/"},
		"not allowed": {endpoint: "/"},
	}
	// How far the proxy gets with an upstream that closes the connection at once is
	// a matter of timing.
	skip := []string{"over", "takeover", "takeover, then write", "no takeover"}
	mux := func(h http.Handler) http.Handler {
		m := http.NewServeMux()
		m.Handle("/", h)
		return m
	}
	run(t,
		&stack{name: "around", unrouted: true, loose: true, skip: skip, also: chat, expect: want, build: func(e *env) http.Handler {
			return e.kymo(e.newProxy())
		}},
		&stack{name: "below a middleware and around a mux", endpoint: "/", loose: true, skip: skip, also: chat, expect: want, build: func(e *env) http.Handler {
			return e.outer(e.kymo(mux(e.newProxy())))
		}},
		&stack{name: "in a mux", endpoint: "/", loose: true, skip: skip, also: chat, expect: want, build: func(e *env) http.Handler {
			return mux(e.kymo(e.newProxy()))
		}},
	)
}
