// Package kymofiber records the requests of a Fiber app, version 3:
//
//	m := kymo.New("orders")
//	defer m.Close(context.Background())
//
//	app := fiber.New()
//	app.Use(kymofiber.Middleware(m)) // before all others
//	app.Get("/orders/:id", order)    // is recorded as /orders/{id}
//
// Handlers set the user with kymo.SetUserContext(c, user), where c is the fiber.Ctx or
// c.Context(). SetRouteContext and the others work in the same way.
//
// The middleware begins a request and runs the handlers. When they have returned, it
// notes the route and the duration, and sets X-Response-Time; errors and panics pass
// through. Fiber's error handler and middlewares further out may then still change the
// response. The request is recorded when fasthttp has sent the response, with the status
// and size that were sent. Streams and hijacked connections are recorded when they end.
//
// fasthttp does not report that a client disconnected. Such a request is recorded with
// the status it was to get, never with 499, and c.Context() is not canceled. The writer
// of a stream sees it as an error of its Flush. The size of a stream is recorded only if
// it was declared.
package kymofiber

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/kymohq/kymo"
	"github.com/valyala/fasthttp"
)

// Middleware returns a middleware that records each request for m and adds
// X-Response-Time to its response. Use it before all others, so that it sees the
// responses that they write themselves.
//
// The endpoint is the path with which the route was registered, including those of
// groups and mounted apps. A request that only middlewares registered by Use responded
// to is recorded as "(unmatched)". If a handler panics, status 500 is recorded.
func Middleware(m *kymo.Monitor) fiber.Handler {
	r := new(routes)
	return func(c fiber.Ctx) error {
		rctx := c.RequestCtx()
		key := visitKey{m}
		if v, ok := rctx.UserValue(key).(*visit); ok && !v.ended {
			return c.Next() // the app has the middleware twice, or routes once more
		}
		if m.Skip(func() *http.Request { return asRequest(rctx) }) {
			return c.Next()
		}
		ctx, x := m.Begin(c.Context())
		v := &visit{x: x, start: time.Now(), rctx: rctx, routes: r, method: c.Method()}
		c.SetContext(ctx)
		rctx.SetUserValue(kymo.ContextKey(), ctx.Value(kymo.ContextKey()))
		rctx.SetUserValue(key, v)
		return v.serve(c)
	}
}

// visitKey is the key of m's visit among the values of a request.
type visitKey struct{ m *kymo.Monitor }

// asRequest returns a request, without its body, for filters.
func asRequest(rctx *fasthttp.RequestCtx) *http.Request {
	r := &http.Request{
		Method:     string(rctx.Method()),
		RequestURI: string(rctx.RequestURI()),
		Proto:      string(rctx.Request.Header.Protocol()),
		Host:       string(rctx.Host()),
		RemoteAddr: rctx.RemoteAddr().String(),
		TLS:        rctx.TLSConnectionState(),
		Header:     make(http.Header),
		Body:       http.NoBody,
	}
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(r.Proto)
	var err error
	if r.URL, err = url.ParseRequestURI(r.RequestURI); err != nil {
		r.URL = &url.URL{Path: string(rctx.Path()), RawQuery: string(rctx.URI().QueryString())}
	}
	for name, value := range rctx.Request.Header.All() {
		r.Header.Add(string(name), string(value))
	}
	return r
}
