// Package kymofiber records the requests of a Fiber app, version 3:
//
//	m := kymo.New("orders")
//	defer m.Close(context.Background())
//
//	app := fiber.New()
//	app.Use(kymofiber.Middleware(m)) // before all others
//	app.Get("/orders/:id", order)    // is recorded as /orders/{id}
//
// Handlers name the user with kymo.SetUserContext(c, user), where c is the
// fiber.Ctx or c.Context(); SetRouteContext and the others work likewise.
//
// A request takes this way: the middleware begins it and passes it on, errors and
// panics included. When the handlers have returned it notes the route and the
// duration, and sets X-Response-Time. Fiber's error handler and middlewares
// further out may then still change the response. It is recorded when fasthttp
// has sent the response, with the status and size that were sent; a stream or a
// connection that was taken over, when it has ended.
//
// fasthttp does not tell when a client goes away. The request of one that did is
// recorded with the status that it was to get, never with 499, and c.Context() is
// not canceled. The writer of a stream sees it as an error of its Flush. The size
// of a stream is recorded only if it was declared.
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
// X-Response-Time to its response. It belongs before all others, so that it sees
// what they answer themselves.
//
// The endpoint is the path that the route was registered with, groups and mounted
// apps included. A request that only middlewares have answered, app.Use's, is
// recorded as "(unmatched)". A handler that panics is recorded with status 500.
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

// asRequest describes a request to the filters, without its body.
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
