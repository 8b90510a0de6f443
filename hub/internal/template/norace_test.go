//go:build !race

package template

const manyPaths = 10_000_000
