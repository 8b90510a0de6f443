package report

import (
	"cmp"
	"slices"
)

// Order is what a list of endpoints is sorted by: the largest first, and the
// first in the alphabet for names. Rows that are equal in it follow by name.
type Order string

// The orders. The zero Order is ByRequests.
const (
	ByName        Order = "name"
	ByRequests    Order = "requests"
	ByAvg         Order = "avg"
	ByP50         Order = "p50"
	ByP95         Order = "p95"
	ByP99         Order = "p99"
	ByMax         Order = "max"
	ByErrorRate   Order = "error_rate"
	ByClientError Order = "client_error_rate"
	ByTimeShare   Order = "time_share"
)

// Orders lists all orders.
var Orders = []Order{ByRequests, ByName, ByAvg, ByP50, ByP95, ByP99, ByMax, ByErrorRate, ByClientError, ByTimeShare}

// Sort returns the rows in order, at most limit of them if limit is not 0, and
// leaves those that it is given as they are.
func (o Order) Sort(rows []Endpoint, limit int) []Endpoint {
	// An Endpoint is too large to be moved about.
	type ranked struct {
		value float64
		*Endpoint
	}
	value := o.value()
	order := make([]ranked, len(rows))
	for i := range rows {
		order[i] = ranked{value(&rows[i]), &rows[i]}
	}
	slices.SortFunc(order, func(a, b ranked) int {
		return cmp.Or(
			cmp.Compare(b.value, a.value),
			cmp.Compare(a.Service, b.Service),
			cmp.Compare(a.Endpoint.Endpoint, b.Endpoint.Endpoint),
			cmp.Compare(a.Method, b.Method),
		)
	})
	if limit > 0 && limit < len(order) {
		order = order[:limit]
	}
	sorted := make([]Endpoint, len(order))
	for i := range order {
		sorted[i] = *order[i].Endpoint
	}
	return sorted
}

func (o Order) value() func(*Endpoint) float64 {
	switch o {
	case ByName:
		return func(*Endpoint) float64 { return 0 }
	case ByAvg:
		return func(e *Endpoint) float64 { return e.AvgResponseTime }
	case ByP50:
		return func(e *Endpoint) float64 { return e.P50ResponseTime }
	case ByP95:
		return func(e *Endpoint) float64 { return e.P95ResponseTime }
	case ByP99:
		return func(e *Endpoint) float64 { return e.P99ResponseTime }
	case ByMax:
		return func(e *Endpoint) float64 { return e.MaxResponseTime }
	case ByErrorRate:
		return func(e *Endpoint) float64 { return e.ErrorRate }
	case ByClientError:
		return func(e *Endpoint) float64 { return e.ClientErrorRate }
	case ByTimeShare:
		return func(e *Endpoint) float64 { return e.TimeShare }
	default:
		return func(e *Endpoint) float64 { return float64(e.TotalRequests) }
	}
}
