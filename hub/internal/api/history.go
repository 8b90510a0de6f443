package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/nearest"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

const historyOperation = "health-history"

type historyInput struct {
	Name    string `query:"name" required:"true" minLength:"1" maxLength:"100" doc:"The check: one of the hub's own, a service, or service/check." example:"database"`
	Hours   int    `query:"hours" minimum:"1" maximum:"2160" default:"24" doc:"The length of the window, which ends now: [now - hours, now), UTC; 2160 h are 90 days. The hub has no results from before its retention." example:"24"`
	Service string `query:"service" maxLength:"100" doc:"The service that has the check, if name alone means several: name is then the check's name within the service." example:"orders"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The maximum number of transitions to return; the newest are returned." example:"100"`
	Conditional
}

// historyKey is the cache's key of an answer. An answer from before a change of
// the check is not found afterwards.
type historyKey struct {
	name         string
	service      string
	hours, limit int
	status       health.Status
	since        int64
}

// errNoCheck means that a check has no results. It is used only within
// history.
var errNoCheck = errors.New("no such check")

func (a *API) routeHistory() {
	register(a, huma.Operation{
		OperationID: historyOperation, Method: http.MethodGet, Path: "/api/v1/health/history", Tags: []string{tagHealth},
		Summary:     "History of one check",
		Description: "The check's statuses over time, its transitions, its uptime and the durations of its runs. If there are several instances, the worst status at each instant counts. Time of more than 15 seconds in which nothing was checked, as while the hub was stopped, is unknown: it counts neither for the uptime nor against it, and neither does time in a maintenance window." + cachedFor,
		Responses:   answers[report.History](a), Security: needs(forRead),
		Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable},
	}, a.history)
}

func (a *API) history(ctx context.Context, in *historyInput) (*payloadOutput, error) {
	w := rollup.LastHours(a.Now(), in.Hours)
	checks := a.report().Checks
	current, own := currently(checks, in)
	key := historyKey{name: in.Name, service: in.Service, hours: in.Hours, limit: in.Limit}
	if current != nil {
		key.status = current.Status
	}
	if own {
		key.since = current.Since.UnixMilli()
	}
	p, err := lookup(ctx, &a.cache, key, a.Now, ttl(length(w)), func(ctx context.Context) (*payload, error) {
		name := in.joined()
		of := series{in: in, own: own}
		kept := of.filter(a.Store.Health(ctx, store.HealthQuery{Window: w, Name: name}))
		inMaintenance, err := a.maintenance(ctx, in.checks(own), w)
		if err != nil {
			return nil, err
		}
		h, err := report.ReadHistory(name, upToNow(kept, current, w), w, in.Limit, inMaintenance)
		switch {
		case err == nil && len(of.services) > 1:
			return nil, of.ambiguous()
		case err != nil:
			return nil, err
		case current != nil:
			h.Status = current.Status.String()
		case h.Checks == 0 && len(h.Segments) == 0:
			return nil, errNoCheck
		}
		return encode(h)
	})
	switch {
	case errors.Is(err, errNoCheck):
		var known []string
		for i := range checks {
			known = append(known, checks[i].Name)
		}
		return nil, a.noSuchCheck(ctx, in.joined(), known)
	case errors.As(err, new(*ambiguousError)):
		detail := err.Error()
		return nil, huma.NewError(http.StatusUnprocessableEntity, detail, &huma.ErrorDetail{Location: "query.service", Message: detail, Value: in.Service})
	case err != nil:
		return nil, a.storeProblem(ctx, err)
	}
	return p.output(in.IfNoneMatch), nil
}

// currently returns the present status of a check: one of the hub's own, or one of a
// service as its last heartbeat reported it, which does not tell since when.
func currently(checks []health.CheckReport, in *historyInput) (c *health.CheckReport, own bool) {
	name := in.joined()
	if in.Service == "" {
		for i := range checks {
			if checks[i].Name == name {
				return &checks[i], true
			}
		}
	}
	for i := range checks {
		c := &checks[i]
		within, ok := strings.CutPrefix(name, c.Name+"/")
		if !ok || in.Service != "" && in.Service != c.Name {
			continue
		}
		var reported struct {
			Checks map[string]struct {
				Status health.Status `json:"status"`
				Reason string        `json:"reason"`
			} `json:"checks"`
		}
		if json.Unmarshal(c.Details, &reported) != nil { // the details of a polled service have another form
			continue
		}
		if s, ok := reported.Checks[within]; ok {
			return &health.CheckReport{Name: name, State: health.State{Status: s.Status}, Reason: s.Reason, CheckedAt: c.CheckedAt}, false
		}
	}
	return nil, false
}

// delay is how long after a run a service's result of it is stored at the latest.
const delay = 2 * time.Minute

// upToNow adds the present status of a check for the time since the last result: the store
// receives the next one within a minute, or once the check has run again. Its runs are not
// counted until then.
func upToNow(kept iter.Seq2[*store.HealthRecord, error], c *health.CheckReport, w rollup.Window) iter.Seq2[*store.HealthRecord, error] {
	if c == nil || c.Status == health.Unknown || c.CheckedAt.UnixMilli() < w.From || c.Since.UnixMilli() >= w.To {
		return kept
	}
	return func(yield func(*store.HealthRecord, error) bool) {
		var last store.HealthRecord
		for r, err := range kept {
			if !yield(r, err) {
				return
			}
			if r != nil && r.To >= last.To {
				last.To, last.Status = r.To, r.Status
			}
		}
		from := c.Since
		if from.IsZero() {
			from = c.CheckedAt
			if stored := time.UnixMilli(last.To); last.Status == c.Status && from.Sub(stored) <= delay {
				from = stored
			}
		}
		// A separate instance, since the store may have results of the same time.
		r := &store.HealthRecord{Instance: "\x00now"}
		r.Check, r.Status, r.Flapping, r.Critical = c.Name, c.Status, c.Flapping, c.Critical
		r.From = max(from.UnixMilli(), last.To)
		r.To, r.Reason, r.Details = max(r.From, w.To), c.Reason, wire.WithExplainedBy(string(c.Details), c.ExplainedBy)
		yield(r, nil)
	}
}

// noSuchCheck returns a problem that names the check that may have been meant.
func (a *API) noSuchCheck(ctx context.Context, name string, known []string) error {
	for other, err := range a.Store.HealthNames(ctx, rollup.LastHours(a.Now(), 168)) {
		if err != nil {
			return a.storeProblem(ctx, err)
		}
		if other != maintenance.Series {
			known = append(known, other)
		}
	}
	detail := fmt.Sprintf("there is no check %q", name)
	if slices.Contains(known, name) {
		detail = fmt.Sprintf("the check %q did not run in this window; increase hours", name)
	} else if near := nearest.Likely(name, known); near != "" {
		detail += fmt.Sprintf("; did you mean %q?", near)
	}
	return huma.NewError(http.StatusNotFound, detail, &huma.ErrorDetail{Location: "query.name", Message: detail, Value: name})
}
