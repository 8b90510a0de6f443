package report

import (
	"cmp"
	"slices"
)

// Order is what a list of endpoints is sorted by: numbers from the largest,
// names alphabetically. Rows with equal values are sorted by name.
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

// sortedBy returns the number that each order sorts by.
var sortedBy = map[Order]func(*Endpoint) float64{
	ByRequests:    func(e *Endpoint) float64 { return float64(e.TotalRequests) },
	ByName:        func(e *Endpoint) float64 { return 0 }, // equal, so that names decide
	ByAvg:         func(e *Endpoint) float64 { return e.AvgResponseTime },
	ByP50:         func(e *Endpoint) float64 { return e.P50ResponseTime },
	ByP95:         func(e *Endpoint) float64 { return e.P95ResponseTime },
	ByP99:         func(e *Endpoint) float64 { return e.P99ResponseTime },
	ByMax:         func(e *Endpoint) float64 { return e.MaxResponseTime },
	ByErrorRate:   func(e *Endpoint) float64 { return e.ErrorRate },
	ByClientError: func(e *Endpoint) float64 { return e.ClientErrorRate },
	ByTimeShare:   func(e *Endpoint) float64 { return e.TimeShare },
}

// Sort returns the rows in order, at most limit of them if limit is not 0. It
// does not change rows.
func (o Order) Sort(rows []Endpoint, limit int) []Endpoint {
	// ranked is sorted instead of Endpoint, which is too large to move.
	type ranked struct {
		value float64
		*Endpoint
	}
	value := sortedBy[cmp.Or(o, ByRequests)]
	order := make([]ranked, len(rows))
	for i := range rows {
		order[i] = ranked{value(&rows[i]), &rows[i]}
	}
	slices.SortFunc(order, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.value, a.value), a.names().Compare(b.names()))
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
