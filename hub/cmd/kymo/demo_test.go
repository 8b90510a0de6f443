package main

import (
	"context"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/demo"
	"github.com/kymohq/kymo/hub/internal/report"
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

func clientOf(t *testing.T, hub string) *client.Client {
	t.Helper()
	c, err := client.New(hub, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDemoResult prints whether the numbers agree, and why they do not.
func TestDemoResult(t *testing.T) {
	var out strings.Builder
	r := &demo.Result{Service: "shop", Report: &report.Performance{TotalRequests: 4}, Sent: 4}
	env := &environment{stdout: &out}
	if err := demoResult(env, r); err != nil {
		t.Error(err)
	}
	r.Sent, r.Failed = 5, 1
	r.Stats.Dropped, r.Stats.Pending, r.Stats.LastError = 2, 3, "404 Not Found"
	err := demoResult(env, r)
	if !strings.HasSuffix(out.String(), "\nload generator sent 5 requests; Kymo reports 4\n") {
		t.Errorf("printed %q", out.String())
	}
	want := "the numbers differ; 1 request got no answer from the shop; the SDK dropped 2 and could not ship 3, for: 404 Not Found"
	if _, bad := err.(badNewsError); !bad || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := demoResult(&environment{stdout: full{}}, r); err == nil {
		t.Error("a result that was not printed")
	}
}
