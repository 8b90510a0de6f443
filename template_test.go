package kymo

import (
	"strings"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

func TestEndpoint(t *testing.T) {
	for pattern, want := range map[string]string{
		"":                             wire.Unmatched,
		"GET ":                         wire.Unmatched,
		"/a":                           "/a",
		"GET /a":                       "/a",
		"GET \t /a/{b...}":             "/a/{b...}",
		"/{$}":                         "/{$}",
		"/dir/":                        "/dir/",
		"h.example/a":                  "h.example/a",
		"GET h.example/a":              "h.example/a",
		"/" + strings.Repeat("x", 300): "/" + strings.Repeat("x", 254),

		// Gin, Echo, Fiber, httprouter
		"/users/:id":                    "/users/{id}",
		"/users/:id/posts/:post":        "/users/{id}/posts/{post}",
		"/static/*filepath":             "/static/{filepath...}",
		"/static/*":                     "/static/{path...}",
		"/static/+":                     "/static/{path...}",
		"*":                             "*",
		"/a*b":                          "/a*b",
		"/flights/:from-:to":            "/flights/{from}-{to}",
		"/plants/:genus.:species":       "/plants/{genus}.{species}",
		"/users/:id?":                   "/users/{id}",
		"/users/:id<int>":               "/users/{id}",
		"/users/:id<regex(\\d{2}/x)>/a": "/users/{id}/a",
		"/users/:id(\\d+)":              "/users/{id}",
		"/v1/jobs:cancel":               "/v1/jobs:cancel",
		"/v1/:name:activate":            "/v1/{name}:activate",
		"/time/10:30":                   "/time/10:30",

		// chi, gorilla/mux, go-restful
		"/users/{id:[0-9]+}":     "/users/{id}",
		"/users/{id:[0-9]{3}}/x": "/users/{id}/x",
		"/a/{slug:[a-z ]+}":      "/a/{slug}",
		"/files/{path:.*}":       "/files/{path...}",
		"/files/{path:*}":        "/files/{path...}",
		"/files/{*path}":         "/files/{path...}",
		"/users/{id?}":           "/users/{id}",
		"/users/{ id }":          "/users/{id}",
		"GET /{a}-{b}/":          "/{a}-{b}/",
		"/broken/{id":            "/broken/{id}",

		// grpc-gateway
		"/v1/things/{id=*}":                   "/v1/things/{id}",
		"/v1/{book.name=shelves/*/books/*}":   "/v1/{book.name=shelves/*/books/*}",
		"/v1/files/{path=**}":                 "/v1/files/{path...}",
		"/v1/{name=things/*/parts/**}:cancel": "/v1/{name=things/*/parts/**}:cancel",
		"/v1/{name=*}:run":                    "/v1/{name}:run",

		"/pkg.Service/Method": "/pkg.Service/Method",
		"jobs/email":          "jobs/email",
		"/naïve/:größe":       "/naïve/{größe}",
	} {
		if got := endpoint(pattern); got != want {
			t.Errorf("%q is %q, want %q", pattern, got, want)
		}
	}
}

func FuzzEndpoint(f *testing.F) {
	for _, s := range []string{"GET /users/{id}", "/users/:id<int>/*", "/{a:{b}}", "/:a(((", "{", ":", "/*x", "GET {"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		got := endpoint(pattern)
		if got == "" || wire.Clean(got, wire.MaxEndpoint) != got {
			t.Errorf("%q is %q", pattern, got)
		}
	})
}
