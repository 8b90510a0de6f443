//go:build race

package intake

// manyPaths is fewer under the race detector, which has nothing to find in a
// test of one goroutine and takes ten times as long.
const manyPaths = 500_000
