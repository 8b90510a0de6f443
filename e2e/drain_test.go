package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ready returns what a load balancer sees, over a new connection.
func (h *hub) ready() int {
	h.t.Helper()
	fresh := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := fresh.Get(h.url + "/health/ready")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// A hub that is asked to stop tells load balancers first, and serves meanwhile.
func TestDrain(t *testing.T) {
	const delay = 2 * time.Second
	dir := t.TempDir()
	h := startHub(t, dir, "--drain-delay", delay.String())
	post := func(n int) {
		t.Helper()
		body := fmt.Sprintf(`[{"endpoint":"/x","method":"GET","response_time_ms":1,"status_code":200,"timestamp":%q}]`, time.Now().UTC().Format(time.RFC3339Nano))
		if a, err := h.post("/api/v1/requests", strings.NewReader(body), "Content-Type", "application/json"); err != nil || a.status != http.StatusAccepted {
			t.Fatalf("post %d: %+v, %v", n, a, err)
		}
	}
	posted := 1
	post(posted)
	if status := h.ready(); status != 200 {
		t.Fatalf("ready: %d", status)
	}
	h.signal(syscall.SIGTERM)
	told := time.Now()
	eventually(t, time.Minute, "it is not ready", func() bool { return h.ready() == 503 })
	for time.Since(told) < delay-500*time.Millisecond {
		posted++
		post(posted)
		if resp, err := client.Get(h.url + "/health/live"); err != nil || resp.StatusCode != 200 {
			t.Fatalf("live while it drains: %v, %v", resp, err)
		} else {
			resp.Body.Close()
		}
		<-time.After(100 * time.Millisecond)
	}
	<-h.ended
	if took := time.Since(told); h.status != nil || took < delay {
		t.Errorf("it ended after %v: %v", took, h.status)
	}

	// A second signal ends it at once, and loses nothing.
	h = startHub(t, dir, "--drain-delay", "10m")
	posted++
	post(posted)
	h.signal(syscall.SIGTERM)
	eventually(t, time.Minute, "it is not ready", func() bool { return h.ready() == 503 })
	h.signal(syscall.SIGTERM)
	select {
	case <-h.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	h = startHub(t, dir)
	if n := h.report(1, nil).TotalRequests; n != posted {
		t.Errorf("%d requests, and %d were acknowledged", n, posted)
	}
}
