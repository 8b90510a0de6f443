package stacks

import "net/http"

// software is a middleware of others. What is expected with it holds for where
// Kymo is outside.
type software struct {
	name string
	wrap func(e *env, next http.Handler) http.Handler
	stack
	inside map[string]expected // instead of expect, where Kymo is inside
	copies bool                // it passes on another request, which hides the route
	defers bool                // its writer keeps what is written, informational responses as well
}

// places puts Kymo outside of it, inside, between two layers of it, and on both
// sides.
func (w software) places() []*stack {
	at := func(place string, build func(e *env) http.Handler) *stack {
		s := w.stack
		s.name, s.build = w.name+", "+place, build
		return &s
	}
	outside := at("outside", func(e *env) http.Handler { return e.kymo(w.wrap(e, e.mux())) })
	inside := at("inside", func(e *env) http.Handler { return e.outer(w.wrap(e, e.kymo(e.mux()))) })
	between := at("between", func(e *env) http.Handler { return e.outer(w.wrap(e, e.kymo(w.wrap(e, e.mux())))) })
	twice := at("twice", func(e *env) http.Handler { return e.kymo(w.wrap(e, e.kymo(e.mux()))) })
	outside.unrouted, between.unrouted = w.copies, w.copies
	inside.hides, twice.hides = nil, nil
	inside.expect = w.inside
	inside.gathers, between.gathers = w.defers, w.defers
	return []*stack{outside, inside, between, twice}
}
