package router

import (
	"net/http"
	"sync"

	"example.com/router/kymohook"
)

// kymoWrapped has the middleware around each router that has served.
var kymoWrapped sync.Map // of *Router to http.Handler

func (router *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wrapped, ok := kymoWrapped.Load(router)
	if !ok {
		wrapped, _ = kymoWrapped.LoadOrStore(router, kymohook.Wrap(kymoNext{router}))
	}
	wrapped.(http.Handler).ServeHTTP(w, r)
}

type kymoNext struct{ router *Router }

func (n kymoNext) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.router.serveWithoutKymo(w, r)
}
