//go:build !race

package stacks

const soakRequests = 100_000
