// Package template finds the endpoint that a raw path belongs to.
//
// Path replaces the segments that can only be values, such as a number or an e-mail
// address, by {id} (path.go, segment.go). Tree.Endpoint then compares the path with
// its siblings: a place in a service's paths with more literals than the author of an
// API writes is a place for values, too (places.go). A tree keeps a few of the paths
// that became one template, to explain why an endpoint is not there (collapsed.go).
//
// Memory is bounded, whatever the paths: a Forest lets the trees of all services have
// so many nodes and notes together (forest.go). Nothing is removed before the process
// ends.
package template
