package kymo

import (
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

// strip takes the first n segments from the path, whatever they are.
func strip(n int, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.SplitN(r.URL.Path, "/", n+2)
		http.StripPrefix(strings.Join(parts[:n+1], "/"), next).ServeHTTP(w, r)
	})
}

func mount(pattern string, h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(pattern, h)
	return mux
}

func clean(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rewrite(path.Clean(r.URL.Path), next).ServeHTTP(w, r)
	})
}

func rewrite(path string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path, r.URL.RawPath = path, ""
		next.ServeHTTP(w, r)
	})
}

func TestMountedMuxes(t *testing.T) {
	games := mount("GET /games/{game}", nothing)
	for _, test := range []struct {
		name, target, endpoint string
		handler                func(m *Monitor) http.Handler
	}{
		{"one middleware around each", "/red/games/1", "/red/games/{game}",
			func(m *Monitor) http.Handler {
				return m.Middleware(mount("/red/", http.StripPrefix("/red", m.Middleware(games))))
			}},
		{"query and escapes", "/red/games/a%20b?x=/y/z", "/red/games/{game}",
			func(m *Monitor) http.Handler {
				return m.Middleware(mount("/red/", http.StripPrefix("/red", m.Middleware(games))))
			}},
		{"within the mounted one only", "/red/games/1", "/red/games/{game}",
			func(m *Monitor) http.Handler { return mount("/red/", http.StripPrefix("/red", m.Middleware(games))) }},
		{"a parameter in the prefix", "/teams/7/games/1", "/teams/{team}/games/{game}",
			func(m *Monitor) http.Handler {
				return m.Middleware(mount("/teams/{team}/", strip(2, m.Middleware(games))))
			}},
		{"three levels", "/api/teams/7/games/1", "/api/teams/{team}/games/{game}",
			func(m *Monitor) http.Handler {
				return m.Middleware(mount("/api/", http.StripPrefix("/api", m.Middleware(mount("/teams/{team}/", strip(2, m.Middleware(games)))))))
			}},
		{"writers that hide between", "/red/games/1", "/red/games/{game}",
			func(m *Monitor) http.Handler {
				return m.Middleware(mount("/red/", hiding(http.StripPrefix("/red", m.Middleware(games)))))
			}},
		{"no mux further out, a word", "/v2/games/1", "/v2/games/{game}",
			func(m *Monitor) http.Handler { return http.StripPrefix("/v2", m.Middleware(games)) }},
		{"no mux further out, a value", "/7f3a/games/1", "/{prefix}/games/{game}",
			func(m *Monitor) http.Handler { return strip(1, m.Middleware(games)) }},
		{"a rest parameter further out", "/7f3a/games/1", "/{prefix}/games/{game}",
			func(m *Monitor) http.Handler { return mount("/{rest...}", strip(1, m.Middleware(games))) }},
		{"mounted without taking the prefix", "/v1/users/1", "/v1/users/{id}",
			func(m *Monitor) http.Handler {
				return m.Middleware(mount("/v1/", m.Middleware(mount("GET /v1/users/{id}", nothing))))
			}},
		{"muxes in each other, nothing matched within", "/red/nothing", wire.Unmatched,
			func(m *Monitor) http.Handler { return m.Middleware(mount("/red/", games)) }},
		{"a path that is cleaned on the way", "//games//1", "/games/{game}",
			func(m *Monitor) http.Handler { return clean(m.Middleware(games)) }},
		{"a prefix that a stranger made up", "/any/thing/../%2e%2e/games/1", "/games/{game}",
			func(m *Monitor) http.Handler { return clean(m.Middleware(games)) }},
		{"one slash more", "//games/1", "/games/{game}",
			func(m *Monitor) http.Handler { return clean(m.Middleware(games)) }},
		{"a path that is rewritten", "/old/shop/games/list/1", "/games/{game}",
			func(m *Monitor) http.Handler { return rewrite("/games/1", m.Middleware(games)) }},
		{"a path that looks escaped twice", "/red/games/%2541", "/red/games/{game}",
			func(m *Monitor) http.Handler {
				return m.Middleware(mount("/red/", http.StripPrefix("/red", m.Middleware(games))))
			}},
		{"nothing matched within", "/red/nothing", "/red/",
			func(m *Monitor) http.Handler {
				return m.Middleware(mount("/red/", http.StripPrefix("/red", m.Middleware(games))))
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, sink := monitor(t)
			h := test.handler(m)
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", test.target, nil))
			if got := one(t, m, sink); got.Endpoint != test.endpoint {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}
