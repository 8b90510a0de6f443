package rollup

import (
	"cmp"
	"strings"
)

// Endpoint names an endpoint of a service: a series without its status.
type Endpoint struct {
	Service string
	Name    string // the route template
	Method  string
}

// EndpointOf returns the endpoint that the series is of.
func EndpointOf(k *Key) Endpoint { return Endpoint{k.Service, k.Endpoint, k.Method} }

// Compare orders endpoints by service, name and method.
func (e Endpoint) Compare(other Endpoint) int {
	return cmp.Or(
		strings.Compare(e.Service, other.Service),
		strings.Compare(e.Name, other.Name),
		strings.Compare(e.Method, other.Method),
	)
}

// CompareKeys orders series by endpoint and status.
func CompareKeys(a, b *Key) int {
	return cmp.Or(EndpointOf(a).Compare(EndpointOf(b)), cmp.Compare(a.Status, b.Status))
}
