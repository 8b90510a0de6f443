//go:build race

package simulation

// raced reports whether the race detector is at work, which makes a seed ten times as slow.
const raced = true
