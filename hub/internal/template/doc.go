// Package template keeps the number of endpoints small.
//
// Path replaces the segments of a raw path that can only be values, such as a number
// or an e-mail address, by {id} (path.go, segment.go). Table.Endpoint then compares
// the path with its siblings: a place in a service's tree of paths with more literals
// than the author of an API writes is a place for values, too (tree.go). Every batch,
// whatever it was made from, goes through Table.Cap, which holds the endpoints of each
// service and the number of services to their limits; requests over them are counted
// under wire.Other (table.go, capped.go).
//
// Memory is bounded by the limits, whatever the paths: at most Limits.Services times
// Limits.Endpoints names of wire.MaxEndpoint bytes, and maxNodes nodes of all trees
// together. The table keeps a few of the names and paths that it merged, to explain
// why an endpoint is not there (notes.go). Nothing is removed before the process ends.
package template
