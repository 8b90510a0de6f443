package e2e

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// snapshot runs kymo snapshot, and returns its exit status and what it printed.
func snapshot(t *testing.T, hub, dir string) (status int, out string) {
	t.Helper()
	command := kymo(t, "snapshot", "--hub", hub, dir)
	text, err := command.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(text)
}

// refused fails the test unless kymo snapshot ends with 2 and one line that matches.
func refused(t *testing.T, hub, dir, pattern string) {
	t.Helper()
	status, out := snapshot(t, hub, dir)
	if status != 2 || strings.Count(out, "\n") != 1 || !regexp.MustCompile(pattern).MatchString(out) {
		t.Errorf("kymo snapshot %s ended with %d, want 2 and %s:\n%s", dir, status, pattern, out)
	}
}
