//go:build race

package stacks

const soakRequests = 20_000
