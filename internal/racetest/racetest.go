// Package racetest tells tests whether the race detector is at work, which makes many of
// them ten times as slow.
package racetest

import "testing"

// LeaveToLong skips a test of which the race detector sees enough in make test-long, and
// which each make test runs without it.
func LeaveToLong(t testing.TB) {
	t.Helper()
	if Enabled && testing.Short() {
		t.Skip("make test-long runs this one under the race detector")
	}
}
