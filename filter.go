package kymo

import "net/http"

// WithFilter records only requests for which keep returns true; Stats.Ignored counts
// the others, whose responses are left alone. keep is called before the handler, from
// many goroutines at once. With several filters, all must return true. Kubernetes'
// probes and health routes such as "/healthz" are never recorded, without a filter.
func WithFilter(keep func(*http.Request) bool) Option {
	return func(o *options) {
		if keep == nil {
			o.problemf("WithFilter: the filter is nil")
			return
		}
		o.filters = append(o.filters, keep)
	}
}

// passesFilters reports whether all filters keep r. A filter that panics keeps it.
func (m *Monitor) passesFilters(r *http.Request) (keep bool) {
	defer func() {
		if v := recover(); v != nil {
			m.stats.panicked("asking a filter", v)
			keep = true
		}
	}()
	for _, f := range m.filters {
		if !f(r) {
			return false
		}
	}
	return true
}

// Skip reports whether a filter leaves out the request, and counts it in
// Stats.Ignored if so. Adapters call it before Begin. request returns the request to
// pass to the filters; it is not called if there are none.
func (m *Monitor) Skip(request func() *http.Request) bool {
	if m.filters == nil || m.passesFilters(request()) {
		return false
	}
	m.ignored.Add(1)
	return true
}
