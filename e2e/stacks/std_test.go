package stacks

import (
	"net/http"
	"testing"
)

func TestStandard(t *testing.T) {
	run(t,
		&stack{name: "around ServeMux", build: func(e *env) http.Handler { return e.kymo(e.mux()) }},
		&stack{name: "below a middleware", build: func(e *env) http.Handler { return e.outer(e.kymo(e.mux())) }},
		&stack{name: "twice", build: func(e *env) http.Handler { return e.kymo(e.outer(e.kymo(e.mux()))) }},
	)
}
