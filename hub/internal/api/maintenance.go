package api

import (
	"context"
	"time"

	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// maintenance returns when a check was in maintenance: by the windows that are stored as
// having been in force, and by those of the configuration.
func (a *API) maintenance(ctx context.Context, check []maintenance.Check, w rollup.Window) ([]report.Maintenance, error) {
	var spans []maintenance.Span
	for r, err := range a.Store.Health(ctx, store.HealthQuery{Window: w, Name: maintenance.Series}) {
		if err != nil {
			return nil, err
		}
		if s, ok := maintenance.OfRow(&r.HealthResult); ok {
			spans = append(spans, s)
		}
	}
	if a.Maintenance != nil {
		spans = append(spans, a.Maintenance(time.UnixMilli(w.From), time.UnixMilli(w.To))...)
	}
	var all []report.Maintenance
	for _, s := range maintenance.Merge(spans, check, w.From, w.To) {
		all = append(all, report.Maintenance{Name: s.Name, From: s.From, To: s.To})
	}
	return all, nil
}

// checks returns what the check in question may be.
func (in *historyInput) checks(own bool) []maintenance.Check {
	switch {
	case in.Service != "":
		return []maintenance.Check{{Service: in.Service, Check: in.Name}}
	case own:
		return maintenance.Own(in.Name)
	}
	return maintenance.Named(in.Name)
}
