// Package template finds the endpoint that a raw path belongs to.
//
// Path replaces the segments that can only be values by {id} (path.go, segment.go): numbers,
// dates and addresses (numeric.go), hex and tokens that look random (token.go).
// Tree.Endpoint then compares the path with its siblings: a place in a service's paths with more literals than an author of an
// API would write holds values, too (places.go). A tree keeps a few of the paths that
// became one template, to explain why an endpoint is missing (collapsed.go).
//
// Memory is bounded, whatever the paths: a Forest limits the nodes and notes of the
// trees of all services together (forest.go). Nothing is removed before the process
// ends.
package template
