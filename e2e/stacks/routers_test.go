package stacks

import (
	"net/http"
	"testing"

	"github.com/emicklei/go-restful/v3"
	"github.com/gorilla/mux"
	"github.com/julienschmidt/httprouter"
	"github.com/urfave/negroni/v3"

	"github.com/kymohq/kymo"
)

func (e *env) newGorilla(use ...mux.MiddlewareFunc) *mux.Router {
	r := mux.NewRouter()
	r.Use(use...)
	e.each(func(method, pattern string, h http.HandlerFunc) { r.Handle(pattern, h).Methods(method) })
	return r
}

func TestGorillaMux(t *testing.T) {
	run(t,
		&stack{name: "around", unrouted: true, build: func(e *env) http.Handler { return e.kymo(e.newGorilla()) }},
		&stack{name: "Use", unrouted: true, expect: routedOnly, build: func(e *env) http.Handler { return e.outer(e.newGorilla(e.kymo)) }},
		&stack{name: "around and Use", unrouted: true, build: func(e *env) http.Handler { return e.kymo(e.newGorilla(e.kymo)) }},
		&stack{name: "subrouter", unrouted: true, expect: routedOnly, build: func(e *env) http.Handler {
			r := mux.NewRouter()
			sub := r.PathPrefix("/").Subrouter()
			sub.Use(e.kymo)
			e.each(func(method, pattern string, h http.HandlerFunc) { sub.Handle(pattern, h).Methods(method) })
			return r
		}},
	)
}

func (e *env) newRestful(filters ...restful.FilterFunction) *restful.Container {
	c := restful.NewContainer()
	c.DoNotRecover(true)
	for _, f := range filters {
		c.Filter(f)
	}
	ws := new(restful.WebService)
	ws.Consumes("*/*").Produces("*/*")
	e.each(func(method, pattern string, h http.HandlerFunc) {
		ws.Route(ws.Method(method).Path(pattern).To(func(req *restful.Request, resp *restful.Response) { h(resp, req.Request) }))
	})
	return c.Add(ws)
}

// restfulExpected is for go-restful in general, hidden for where its Response
// takes a connection over past the writer that a filter gave to it.
var (
	restfulExpected = map[string]expected{"absent": {endpoint: "/", anonymous: true}, "not allowed": {endpoint: "/", anonymous: true}}
	restfulHidden   = map[string]expected{"absent": {endpoint: "/", anonymous: true}, "not allowed": {endpoint: "/", anonymous: true}, "takeover": {untimed: true}}
)

// go-restful registers its services with a ServeMux, whose pattern is all that
// can be seen from outside.
func TestGoRestful(t *testing.T) {
	run(t,
		&stack{name: "around", endpoint: "/", expect: restfulExpected, hides: always, build: func(e *env) http.Handler { return e.kymo(e.newRestful()) }},
		&stack{name: "filter", endpoint: "/", expect: restfulHidden, skip: []string{"takeover, then write"}, hides: always, build: func(e *env) http.Handler {
			return e.outer(e.newRestful(restful.HttpMiddlewareHandlerToFilter(e.kymo)))
		}},
		&stack{name: "around and filter", endpoint: "/", expect: restfulExpected, hides: always, build: func(e *env) http.Handler {
			return e.kymo(e.newRestful(restful.HttpMiddlewareHandlerToFilter(e.kymo)))
		}},
		&stack{name: "filter, named", expect: restfulHidden, skip: []string{"takeover, then write"}, hides: always, build: func(e *env) http.Handler {
			return e.newRestful(restful.HttpMiddlewareHandlerToFilter(e.kymo),
				func(req *restful.Request, resp *restful.Response, chain *restful.FilterChain) {
					kymo.SetRoute(resp.ResponseWriter, req.SelectedRoutePath())
					chain.ProcessFilter(req, resp)
				})
		}},
	)
}

func (e *env) newHTTPRouter(wrap func(http.Handler) http.Handler) *httprouter.Router {
	r := httprouter.New()
	e.each(func(method, pattern string, h http.HandlerFunc) { r.Handler(method, colon(pattern), wrap(h)) })
	return r
}

func TestHTTPRouter(t *testing.T) {
	run(t,
		&stack{name: "around", unrouted: true, build: func(e *env) http.Handler { return e.kymo(e.newHTTPRouter(itself)) }},
		&stack{name: "around each", unrouted: true, expect: routedOnly, build: func(e *env) http.Handler { return e.outer(e.newHTTPRouter(e.kymo)) }},
	)
}

func TestNegroni(t *testing.T) {
	within := func(e *env) negroni.Handler {
		return negroni.HandlerFunc(func(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
			e.kymo(next).ServeHTTP(w, r)
		})
	}
	recovery := func() negroni.Handler {
		v := negroni.NewRecovery()
		v.PrintStack, v.LogStack = false, false
		return v
	}
	build := func(last http.Handler, hs ...negroni.Handler) http.Handler {
		n := negroni.New(hs...)
		n.UseHandler(last)
		return n
	}
	run(t,
		&stack{name: "around", expect: recovered, build: func(e *env) http.Handler { return e.kymo(build(e.mux(), recovery())) }},
		&stack{name: "first", expect: recovered, build: func(e *env) http.Handler { return build(e.mux(), within(e), recovery()) }},
		&stack{name: "last", build: func(e *env) http.Handler { return e.outer(build(e.mux(), recovery(), within(e))) }},
		&stack{name: "around the mux", build: func(e *env) http.Handler { return e.outer(build(e.kymo(e.mux()), recovery())) }},
	)
}
