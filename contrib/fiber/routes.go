package kymofiber

import (
	"strings"
	"sync"

	"github.com/gofiber/fiber/v3"
)

// routes finds the endpoint of requests. In Fiber middlewares are routes too, and
// the last route that a request came to may be one of theirs.
type routes struct {
	endpoints sync.Map // of *fiber.Route: whether it is more than a middleware
}

// of returns the path that the request's endpoint was registered with, "" if none
// has matched.
func (r *routes) of(c fiber.Ctx) string {
	if !c.Matched() {
		return ""
	}
	route := c.Route()
	if c.IsMiddleware() && !r.isEndpoint(c.App(), route) {
		// The endpoint has passed the request on to a middleware behind it.
		return passedOn(c)
	}
	return unescaped(route.Path)
}

// isEndpoint reports whether a route was registered with a method of App such as
// Get, and not with Use. Only a copy of the list of routes tells that.
func (r *routes) isEndpoint(app *fiber.App, route *fiber.Route) bool {
	if known, ok := r.endpoints.Load(route); ok {
		return known.(bool)
	}
	found := false
	for _, other := range app.GetRoutes(true) {
		if other.Path == route.Path && other.Method == route.Method {
			found = true
			break
		}
	}
	r.endpoints.Store(route, found)
	return found
}

// passedOn returns the path of the first endpoint that matches the request.
func passedOn(c fiber.Ctx) string {
	method := c.Method()
	for _, route := range c.App().GetRoutes(true) {
		if route.Method == method && fiber.RoutePatternMatch(c.Path(), route.Path, c.App().Config()) {
			return unescaped(route.Path)
		}
	}
	return ""
}

// unescaped returns a path without the backslashes that Fiber lets literals have.
func unescaped(path string) string {
	if strings.Contains(path, `\`) {
		return fiber.RemoveEscapeChar(path)
	}
	return path
}
