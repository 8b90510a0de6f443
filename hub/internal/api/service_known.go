package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/kymohq/kymo/hub/internal/nearest"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// checkService refuses questions about a service that there is not: zeros would pass
// for the answer about the one that was meant.
func (a *API) checkService(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	takes := slices.ContainsFunc(ctx.Operation().Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == "service" })
	name := ctx.Query("service")
	if ctx.Operation().OperationID == historyOperation { // of checks, which outlast their services
		takes = false
	}
	if !takes || name == "" || len(name) > wire.MaxService || a.knowsService(r.Context(), name) {
		next(ctx)
		return
	}
	names := a.Intake.Services()
	detail := fmt.Sprintf("there is no service %q", name)
	switch near := nearest.Likely(name, names); {
	case near != "":
		detail += fmt.Sprintf("; did you mean %q?", near)
	case len(names) > 0:
		detail += "; /api/v1/services lists them"
	default:
		detail += "; the hub has received no requests yet"
	}
	writeProblem(w, http.StatusNotFound, detail, &huma.ErrorDetail{Location: "query.service", Message: detail, Value: name})
}

// knowsService reports whether a service sent requests or a heartbeat to this hub, is
// polled by it, or has requests in the store, where another hub may have put them. It
// is true as well if the store does not tell: then the route answers that.
func (a *API) knowsService(ctx context.Context, name string) bool {
	if slices.Contains(a.Intake.Services(), name) {
		return true
	}
	for _, c := range a.report().Checks {
		if c.Name == name {
			return true
		}
	}
	now := a.Now()
	w := rollup.Window{From: now.Add(-a.Intake.Retention()).UnixMilli(), To: now.UnixMilli()}
	for range a.Store.Rollups(ctx, store.RollupQuery{Window: w, Filter: store.Filter{Service: name}, Coarse: true}) { //nolint:errcheck // an error counts, too
		return true // a rollup, or an error
	}
	return false
}
