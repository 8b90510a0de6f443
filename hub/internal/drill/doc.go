// Package drill finds single requests among all that a store keeps, which are too
// many to hold in memory or to sort.
//
// A Filter selects requests (filter.go), and a Position is the place in their
// order at which to continue (position.go). The search keeps parts of the window
// in a queue, and first takes the part that can hold the first request in the
// order (search.go). If a part has many requests, or its contents are not known
// yet, the search queries the store for its rollups by a finer step, which give
// the exact number of requests, their statuses and the longest duration. Parts
// with few requests are read; parts without a match are never read. So the newest
// (newest.go) and the slowest (slowest.go) are found by reading little. The
// busiest users (users.go) are counted over the newest requests.
//
// The number of requests that a search may read is bounded. A search that
// ended early reports this, and how far it got (Effort).
package drill
