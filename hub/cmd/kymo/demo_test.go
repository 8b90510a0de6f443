package main

import (
	"context"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// watched is a writer that calls seen with all that was written so far.
type watched struct {
	mu   sync.Mutex
	text strings.Builder
	seen func(text string)
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	w.seen(w.text.String())
	return len(p), nil
}

// TestDemoStopsAndCountsAll interrupts the demo once its table shows requests,
// beside another process that has the default port.
func TestDemoStopsAndCountsAll(t *testing.T) {
	if l, err := net.Listen("tcp", defaultListen); err == nil {
		defer l.Close()
	}
	t.Setenv("TMPDIR", t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stderr strings.Builder
	out := &watched{seen: func(text string) {
		if strings.Contains(text, " requests, ") {
			interrupt()
		}
	}}
	status := run(ctx, []string{"demo", "--rate", "40"}, nil, out, &stderr, nil)
	want := regexp.MustCompile(`\nload generator sent (\d+) requests; Kymo reports (\d+)\n$`)
	m := want.FindStringSubmatch(out.text.String())
	if status != exitOK || m == nil || m[1] != m[2] {
		t.Errorf("status %d, stderr %s, stdout\n%s", status, stderr.String(), out.text.String())
	}
	if got, want := stderr.String(), defaultListen+" is taken; the demo's hub takes a free port instead\n"; got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}

func TestDemoStoreErrors(t *testing.T) {
	runKymo(t, nil, "demo", "--store", "postgres://app:hunter2@127.0.0.1:1/kymo").
		expect(t, exitFailed, "store: cannot open postgres://app@127.0.0.1:1/kymo: PostgreSQL: ")
	t.Setenv("TMPDIR", "/dev/null")
	runKymo(t, nil, "demo").expect(t, exitFailed, "/dev/null")
}
