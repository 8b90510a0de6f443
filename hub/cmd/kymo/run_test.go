package main

import (
	"errors"
	"io"
	"runtime/debug"
	"strings"
	"testing"
)

// ran is the outcome of a command line.
type ran struct {
	stdout, stderr strings.Builder
	status         int
}

// runKymo runs a command line in this process.
func runKymo(t *testing.T, stdin io.Reader, args ...string) *ran {
	t.Helper()
	r := new(ran)
	r.status = run(t.Context(), args, stdin, &r.stdout, &r.stderr, []string{"TMPDIR=" + t.TempDir(), "=odd"})
	return r
}

// expect fails the test unless the command line ended with the status and its stderr
// contains the text.
func (r *ran) expect(t *testing.T, status int, stderr string) {
	t.Helper()
	if r.status != status || !strings.Contains(r.stderr.String(), stderr) {
		t.Errorf("status %d, stderr %q; want %d, %q", r.status, r.stderr.String(), status, stderr)
	}
}

// full is a device without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputThatCannotBeWritten(t *testing.T) {
	hub := answering(t, 200, `{"total_requests": 3}`)
	for _, args := range [][]string{
		{"version"},
		{"report", "--hub", hub},
		{"report", "--hub", hub, "--json"},
		{"report", "--hub", answering(t, 200, `{}`)},
		{"endpoints", "--hub", answering(t, 200, `[{}]`)},
		{"endpoints", "--hub", answering(t, 200, `[]`), "--json"},
	} {
		var stderr strings.Builder
		status := run(t.Context(), args, nil, full{}, &stderr, nil)
		if status != exitFailed || stderr.String() != "kymo: no space left on device\n" {
			t.Errorf("%v: status %d, stderr %q", args, status, stderr.String())
		}
	}
}

func TestDescribeBuild(t *testing.T) {
	tests := []struct {
		info debug.BuildInfo
		ok   bool
		want string
	}{
		{debug.BuildInfo{}, false, "dev"},
		{debug.BuildInfo{}, true, "dev"},
		{debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, true, "dev"},
		{debug.BuildInfo{Main: debug.Module{Version: "v1.2.0"}}, true, "v1.2.0"},
		{debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}},
			true, "dev (commit 0123456789ab, changed since)"},
		{debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "01234"}, {Key: "vcs.modified", Value: "false"}}},
			true, "dev (commit 01234)"},
	}
	for _, test := range tests {
		if got := describeBuild(&test.info, test.ok); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// TestPanicsAreNotSwallowed: the help leaves the parser by a panic, and no other
// panic may end in silence.
func TestPanicsAreNotSwallowed(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a panic was swallowed")
		}
	}()
	run(t.Context(), []string{"version"}, nil, nil, nil, nil) // writing to a nil writer panics
}
