// Package drill finds single requests among all that a store keeps, which are too
// many to hold in memory or to sort.
//
// A Filter selects requests (filter.go), a Position is where in their order to go
// on (position.go). The search has parts of the window in a
// queue, and takes the one first that can hold what comes first in the order
// (search.go). Of a part that holds many requests, or of which nothing is known
// yet, it asks the store for rollups by a finer step: those say exactly how many
// requests there can be, with which statuses, and how long the longest took.
// A part with few requests is read, one without a match never. So the newest
// (newest.go) and the slowest (slowest.go) are found by reading little, and who
// asks most (users.go) is counted over the newest.
//
// What a search may read is bounded. A search that was ended early reports so,
// and how far it came (Effort).
package drill
