package template

import (
	"strings"
	"testing"
)

func TestRoute(t *testing.T) {
	for declared, want := range map[string]string{
		"/users/{id}": "/users/{id}", "/": "/", "": "/", "/users/": "/users/", "/a.b/c-d_e~f": "/a.b/c-d_e~f",
		// Express, Fastify, Koa, Rails, Gin, Echo, Fiber
		"/users/:id": "/users/{id}", "/users/:id/orders/:orderId": "/users/{id}/orders/{orderId}", "/users/:id?": "/users/{id}",
		`/users/:id(\d+)`: "/users/{id}", `/users/:id([0-9]{4})?/x`: "/users/{id}/x", "/flights/:from-:to": "/flights/{from}-{to}",
		"/files/:name.:ext": "/files/{name}.{ext}", `/:file(^\d+).png`: "/{file}.png", "/static/*filepath": "/static/{filepath}",
		"/static/*": "/static/*", "*": "/*", "/v1/items:batchGet": "/v1/items:batchGet", "/items/{id}:activate": "/items/{id}:activate", "/v1/{name=projects/*}:cancel": "/v1/{name}:cancel",
		"/users/:id+": "/users/{id}",
		// Go, chi, gorilla/mux, Spring, ASP.NET, Laravel, Starlette, Axum
		"GET /users/{id}": "/users/{id}", "/files/{path...}": "/files/{path}", "/exact/{$}": "/exact/", "/users/{id:[0-9]+}": "/users/{id}",
		"/y/{year:[0-9]{4}}/{slug:[a-z\\}]+}": "/y/{year}/{slug}", "/files/{path:path}": "/files/{path}", "/users/{id:int}/x": "/users/{id}/x",
		"api/users/{id:int:min(1)}": "/api/users/{id}", "/users/{id?}": "/users/{id}", "/users/{id=5}": "/users/{id}", "/files/{*path}": "/files/{path}",
		"/files/{**slug}": "/files/{slug}", "/a/**": "/a/**", "/orders/{orderId}.json": "/orders/{orderId}.json",
		// Flask, Django
		"/users/<id>": "/users/{id}", "/users/<int:id>": "/users/{id}", "/files/<path:filename>": "/files/{filename}", "users/<uuid:pk>/": "/users/{pk}/",
		"/x/<regex('[a-z]+'):name>/": "/x/{name}/", "/a<b": "/a<b",
		`^users/(?P<pk>[^/.]+)/$`: "/users/{pk}/", `^users/(?P<pk>[^/.]+)/?$`: "/users/{pk}", `^articles/([0-9]{4})/([0-9]{2})/$`: "/articles/{id}/{id}/",
		`^api/v1\.0/(?P<name>[\w-]+)\.json$`: "/api/v1.0/{name}.json", `^$`: "/", `^(?:v1)/users/(?P<pk>\d+)$`: "/(?:v1)/users/{pk}", `users/(?P<pk>\d+)/$`: "/users/{pk}/", `^/(?P<a>(x|y)\))/z\Z`: "/{a}/z",
		// Next.js, Nuxt, SvelteKit
		"/posts/[id]": "/posts/{id}", "/docs/[...slug]": "/docs/{slug}", "/docs/[[...slug]]": "/docs/{slug}", "/a/[lang]/b": "/a/{lang}/b", "/x[1]": "/x[1]",
		// What is none
		"(unmatched)": "(unmatched)", "/a/{": "/a/{", "/a/{}": "/a/{id}", "/a/:": "/a/:", "/a/()": "/a/()", "/a:80/b": "/a:80/b", "/a/{x/b": "/a/{x/b", " /a ": "/a",
	} {
		if got := Route(declared); got != want {
			t.Errorf("%q is %q, want %q", declared, got, want)
		}
		if again := Route(want); again != want {
			t.Errorf("%q, which is a route, becomes %q", want, again)
		}
	}
}

// FuzzRoute: whatever a router declares, a route begins with a slash, and is not much longer.
func FuzzRoute(f *testing.F) {
	for _, s := range []string{"/users/:id(\\d+)", "^a/(?P<x>[^/]+)$", "/[[...a]]", "GET /{a...}", "<int:id>", "((", "/a/{x:[}", "*", "/{a:b}{c}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, declared string) {
		got := Route(declared)
		if !strings.HasPrefix(got, "/") && got != strings.TrimSpace(declared) {
			t.Fatalf("%q is %q", declared, got)
		}
		if len(got) > 4*len(declared)+4 {
			t.Fatalf("%q is %q", declared, got)
		}
	})
}
