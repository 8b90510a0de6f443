// Package racetest tells tests whether the race detector is at work, which makes many of
// them ten times as slow.
package racetest

import "testing"

// LeaveToLong skips the test in short mode under the race detector: make test runs it
// without the detector, and make test-long with it.
func LeaveToLong(t testing.TB) {
	t.Helper()
	if Enabled && testing.Short() {
		t.Skip("make test-long runs this one under the race detector")
	}
}
