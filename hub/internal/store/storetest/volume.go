package storetest

import "testing"

// Volume returns how many a test takes of what it takes n of by default: in short
// mode a sixth. The race detector, which that mode is for, sees as much in it, and
// makes everything ten times as slow.
func Volume(n int) int {
	if testing.Short() {
		return (n + 5) / 6
	}
	return n
}
