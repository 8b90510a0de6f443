//go:build !race

package stacks

// soakRequests is how many requests the soak makes.
const soakRequests = 100_000
