package kymoecho

import (
	"net/http"
	"slices"
	"sync"

	"github.com/labstack/echo/v4"
)

// routes tells routes from what Echo has for requests that match none: those have
// a path as well, of a route for another method, or of a group.
type routes struct{ known sync.Map }

type route struct {
	router       *echo.Router
	method, path string
}

// of returns the path of the route that matched, "" if none did.
func (k *routes) of(c echo.Context) string {
	path := c.Path()
	if path == "" {
		return ""
	}
	router, ok := c.Echo().Routers()[c.Request().Host]
	if !ok {
		router = c.Echo().Router()
	}
	key := route{router, c.Request().Method, path}
	is, ok := k.known.Load(key)
	if !ok {
		is = slices.ContainsFunc(router.Routes(), func(r *echo.Route) bool {
			return r.Method == key.method && r.Path == key.path
		})
		// Clients may make up methods without end.
		if is.(bool) || slices.Contains(methods, key.method) {
			k.known.Store(key, is)
		}
	}
	if !is.(bool) {
		return ""
	}
	return path
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace,
}
