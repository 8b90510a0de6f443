//go:build race

package pebblestore

// raced reports whether the race detector is at work.
const raced = true
