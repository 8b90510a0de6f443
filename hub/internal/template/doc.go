// Package template keeps the number of endpoints small.
//
// A raw path that comes from outside goes through Path, which replaces the
// segments that can only be values, a number or an e-mail address, by {id}
// (path.go, segment.go). Table.Endpoint then looks at the path among its
// siblings: a place in a service's tree of paths that has seen more literals
// than an API's author writes is a place for values too (tree.go). At last
// every batch, wherever it is from, goes through Table.Cap, which lets no
// service have more endpoints and no hub more services than its limits; what is
// over is counted under wire.Other (table.go, capped.go).
//
// Memory is bounded by the limits alone, whatever the paths: at most
// MaxServices * MaxEndpoints names of wire.MaxEndpoint bytes, and maxNodes
// nodes of all trees together. For those who ask, the table notes a few of the
// names and paths that it merged (notes.go). Nothing is forgotten before the process ends.
package template
