//go:build !race

package intake

const manyPaths = 10_000_000
