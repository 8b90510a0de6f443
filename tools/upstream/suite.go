package main

import "context"

// suite is a set of packages whose tests are run with and without Kymo.
type suite struct {
	name   string
	places []string // where the middleware can be put
	copy   copier
}

// copier makes the two copies of a suite in the directory work and patches one of
// them to use Kymo, whose root module is in the directory root.
type copier interface {
	copies(ctx context.Context, root, work string) (plain, patched tree, err error)

	// adapted returns the tests that are changed in the patched copy.
	adapted() []adaptation
}

// Places of the middleware.
const (
	placeOuter = "outer" // between the server and its Handler, which it hides
	placeRoot  = "root"  // as the Server's Handler
	placeInner = "inner" // around every http.HandlerFunc, however deep in a chain
	placeEntry = "entry" // in the ServeHTTP of a router
)

var suites = []suite{
	{"net-http", []string{placeOuter, placeRoot, placeInner}, standardLibrary{
		tested: []string{"net/http", "net/http/httptest", "net/http/httputil", "net/http/pprof", "net/rpc"},
	}},
	{"gin", []string{placeEntry}, module{
		path: "github.com/gin-gonic/gin", version: "v1.12.0",
		file: "gin.go", name: "gin", receiver: "engine *Engine", adaptations: ginAdaptations,
	}},
	{"echo", []string{placeEntry}, module{
		path: "github.com/labstack/echo/v4", version: "v4.16.0",
		file: "echo.go", name: "echo", receiver: "e *Echo",
	}},
	{"echo5", []string{placeEntry}, module{
		path: "github.com/labstack/echo/v5", version: "v5.4.4",
		file: "echo.go", name: "echo", receiver: "e *Echo",
	}},
	{"chi", []string{placeEntry}, module{
		path: "github.com/go-chi/chi/v5", version: "v5.5.0",
		file: "mux.go", name: "chi", receiver: "mx *Mux",
	}},
	{"mux", []string{placeEntry}, module{
		path: "github.com/gorilla/mux", version: "v1.8.1",
		file: "mux.go", name: "mux", receiver: "r *Router",
	}},
}

func suiteNames() []string {
	var names []string
	for _, s := range suites {
		names = append(names, s.name)
	}
	return names
}
