package stacks

import (
	"net/http"
	"testing"

	"github.com/NYTimes/gziphandler"
	"github.com/gorilla/handlers"
	"github.com/klauspost/compress/gzhttp"
)

func TestCompression(t *testing.T) {
	for _, w := range []software{
		{name: "gzhttp", wrap: func(_ *env, next http.Handler) http.Handler { return gzhttp.GzipHandler(next) }},
		{name: "gziphandler", stack: stack{hides: zipped}, wrap: func(_ *env, next http.Handler) http.Handler { return gziphandler.GzipHandler(next) }},
		{name: "gorilla's CompressHandler", wrap: func(_ *env, next http.Handler) http.Handler { return handlers.CompressHandler(next) }},
	} {
		run(t, w.places()...)
	}
}
