package kymo

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
)

// unrouted logs, once for each type of handler, that a request was answered without a
// route, and how to get one. It ignores requests that are refused before they are
// routed, or that match nothing: they do not mean that the chain lacks routes.
func (h *handler) unrouted(rec *record) {
	if rec.status >= 400 && rec.status < 500 || rec.method == methodOptions || h.routed.Swap(true) {
		return
	}
	// Per type, since some frameworks build their chain again for each request, with new
	// handlers.
	if _, logged := h.m.unrouted.LoadOrStore(reflect.TypeOf(h.next), true); logged {
		return
	}
	next := fmt.Sprintf("%T", h.next)
	h.m.stats.log(slog.LevelWarn, "kymo: a request was answered without a route; such requests are recorded as (unmatched)",
		"handler", next, "remedy", routeHint(next))
}

// routeHint returns how to get routes from a handler of that type.
func routeHint(handler string) string {
	for _, k := range []struct{ typ, hint string }{
		{"*gin.Engine", "engine.Use(kymogin.Middleware(m)) of github.com/kymohq/kymo/contrib/gin, as the first middleware"},
		{"*chi.Mux", "router.Use(kymochi.Middleware(m)) of github.com/kymohq/kymo/contrib/chi, as the first middleware"},
		{"*echo.Echo", "e.Use(kymoecho.Middleware(m)) of github.com/kymohq/kymo/contrib/echo or contrib/echo5, as the first middleware"},
		{"*mux.Router", "router.Use(kymomux.Middleware(m)) of github.com/kymohq/kymo/contrib/mux, as the first middleware"},
	} {
		if strings.Contains(handler, k.typ) {
			return "name the route: " + k.hint
		}
	}
	return "name the route: put m.Middleware right around the http.ServeMux as well, or use kymo.WithRoutes(mux), " +
		"the adapter for your router (github.com/kymohq/kymo/contrib/...) or kymo.SetRoute"
}
