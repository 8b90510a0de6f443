package store

import (
	"cmp"
	"iter"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/wire"
)

// Filter selects series. An empty field selects all.
type Filter struct {
	Service  string
	Endpoint string
	Method   string
}

// Columns yields what the filter asks for: names of columns, as the contract of
// api_metrics has them, with their values.
func (f *Filter) Columns() iter.Seq2[string, string] {
	return func(yield func(column, value string) bool) {
		_ = (f.Service == "" || yield("service", f.Service)) &&
			(f.Endpoint == "" || yield("endpoint", f.Endpoint)) &&
			(f.Method == "" || yield("method", f.Method))
	}
}

// Selects reports whether the series passes the filter.
func (f *Filter) Selects(k *rollup.Key) bool {
	return (f.Service == "" || f.Service == k.Service) &&
		(f.Endpoint == "" || f.Endpoint == k.Endpoint) &&
		(f.Method == "" || f.Method == k.Method)
}

// SelectsDrops reports whether counts of dropped requests of the service pass the
// filter. They are known per service only, so they count for any endpoint.
func (f *Filter) SelectsDrops(service string) bool {
	return f.Service == "" || f.Service == service
}

// RollupQuery selects rollups.
type RollupQuery struct {
	rollup.Window
	Filter

	// Step cuts the window at the multiples of so many milliseconds; 0 leaves it whole.
	Step int64

	// Coarse permits the store to merge series that have the same status, unless
	// only one of them has the endpoint wire.Other. The merged rollup has the key of
	// any of them. It is for callers that add all series up.
	Coarse bool
}

// RequestQuery selects single requests.
type RequestQuery struct {
	rollup.Window
	Filter
	MinDuration time.Duration // shorter requests are left out
	User        string        // "" selects the requests of every user, and those without one
}

// Matches reports whether the query selects the record.
func (q *RequestQuery) Matches(r *Record) bool {
	return q.Contains(r.Start) && q.Selects(&r.Key) && r.Duration >= q.MinDuration && (q.User == "" || q.User == r.User)
}

// Record is a request as kept, with its process.
type Record = wire.Request

// HealthQuery selects the health results whose span touches the window: it
// begins before the window's end and does not end before its beginning.
type HealthQuery struct {
	rollup.Window
	Name string // as HealthResult.Name returns it; "" selects every check
}

// Selects reports whether the query selects the result.
func (q *HealthQuery) Selects(r *wire.HealthResult) bool {
	return q.From <= q.To && r.From < q.To && r.To >= q.From && (q.Name == "" || q.Name == r.Name())
}

// HealthRecord is a health result as kept.
type HealthRecord struct {
	wire.HealthResult
	Instance string // that reported it
}

// CompareSpans orders results by their beginning and then by their end. A new status is
// stored at once without a length, and again later with its whole span; stores yield the
// two in any order.
func CompareSpans(a, b *HealthRecord) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
}
