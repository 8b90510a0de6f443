package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sdk "github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/serverstest"
)

// serviceVariable makes the test's own program a service that reports to the
// hub which the variable names, so that a test can end it in any way.
const serviceVariable = "KYMO_E2E_SERVICE_OF"

func TestServiceProcess(t *testing.T) {
	hub := os.Getenv(serviceVariable)
	if hub == "" {
		return // no service was asked for
	}
	var stock atomic.Bool
	m := sdk.New("orders", sdk.WithHub(hub))
	m.Check("stock", health.Func(func(context.Context) error {
		if stock.Load() {
			return errors.New("the shelves are empty")
		}
		return nil
	}), health.Every(time.Second), health.Critical())
	mux := http.NewServeMux()
	mux.Handle("GET /health", m.HealthHandler())
	mux.Handle("GET /health/", m.HealthHandler())
	server := httptest.NewServer(m.Middleware(mux))
	fmt.Println(server.URL)
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		stock.Store(orders.Text() == "empty")
	}
	server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := m.Close(ctx); err != nil {
		t.Error(err)
	}
}

// process is a service in a process of its own.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	orders io.WriteCloser
}

func startService(t *testing.T, hub string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServiceProcess$")
	cmd.Env = append(os.Environ(), serviceVariable+"="+hub)
	cmd.Stderr = os.Stderr
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	release, err := serverstest.StartBound(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer release()
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &process{t, cmd, strings.TrimSpace(line), orders}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) order(text string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.orders, text); err != nil {
		p.t.Fatal(err)
	}
}

// The hub follows a service by what it ships, without a word of configuration.
func TestHealthOfServices(t *testing.T) {
	h := startHub(t, t.TempDir())
	first, second := startService(t, h.url), startService(t, h.url)
	c, _ := h.becomes("orders", "healthy", changeWithin)
	eventually(t, time.Minute, "both instances are known", func() bool {
		r, _ := h.health()
		c = r.Checks["orders"]
		return fmt.Sprint(c.Details["instances"]) == "2"
	})
	if _, ok := c.Details["checks"].(map[string]any)["stock"]; !ok {
		t.Errorf("the service's own check is not in %v", c.Details)
	}
	first.order("empty")
	second.order("empty")
	c, noticed := h.becomes("orders", "down", changeWithin)
	if !strings.Contains(fmt.Sprint(c.Details), "the shelves are empty") {
		t.Errorf("the reason is nowhere in %+v", c)
	}
	t.Logf("down after %v: %s", noticed, c.Reason)
	if r, status := h.health(); r.Status != "degraded" || status != 200 {
		t.Errorf("a service that is not critical is down: %s, %d", r.Status, status)
	}
	first.order("full")
	second.order("full")
	h.becomes("orders", "healthy", changeWithin)

	// One that stops on purpose is not missed.
	_ = second.orders.Close()
	if err := second.cmd.Wait(); err != nil {
		t.Errorf("the service, asked to stop: %v", err)
	}
	eventually(t, time.Minute, "one instance is left", func() bool {
		r, _ := h.health()
		c = r.Checks["orders"]
		return c.State == "healthy" && fmt.Sprint(c.Details["instances"]) == "1"
	})
	var got history
	h.get("/api/v1/health/history?hours=1&name=orders/stock", &got)
	if got.Name != "orders/stock" || got.Checks == 0 || got.Failures == 0 {
		t.Errorf("the history of the service's check: %+v", got)
	}
	_ = first.orders.Close()
	if err := first.cmd.Wait(); err != nil {
		t.Errorf("the service, asked to stop: %v", err)
	}
	eventually(t, time.Minute, "no service is left, but the store", func() bool {
		r, _ := h.health()
		return len(r.Checks) == 1 && r.Checks["store"].Status == "healthy"
	})
}

// A service that falls silent is unknown, and then down; whether it froze or was killed.
func TestSilenceOfServices(t *testing.T) {
	t.Parallel()
	h := startHub(t, t.TempDir(), "--config", configuration(t, "services:",
		"  - {name: orders, silence: 12s, down_after: 16s, critical: true}"))
	s := startService(t, h.url)
	h.becomes("orders", "healthy", changeWithin)
	s.signal(syscall.SIGSTOP)
	c, took := h.becomes("orders", "unknown", changeWithin)
	if c.Status != "degraded" || !strings.Contains(c.Reason, "silent") || took < time.Second {
		t.Errorf("%+v after %v", c, took)
	}
	h.becomes("orders", "down", changeWithin)
	if r, status := h.health(); r.Status != "down" || status != 503 {
		t.Errorf("a critical service is down: %s, %d", r.Status, status)
	}
	s.signal(syscall.SIGCONT)
	h.becomes("orders", "healthy", changeWithin)
	s.signal(syscall.SIGKILL)
	h.becomes("orders", "unknown", changeWithin)
	h.becomes("orders", "down", changeWithin)
}

// polledService starts a service and a hub that asks it. The service ships to
// another hub.
func polledService(t *testing.T) (*process, *hub) {
	t.Helper()
	s := startService(t, startHub(t, t.TempDir()).url)
	return s, startHub(t, t.TempDir(), "--config", configuration(t, "services:",
		fmt.Sprintf("  - {name: orders, health: %q, interval: 2s, timeout: 500ms}", s.url+"/health")))
}

// The hub can also ask a service itself.
func TestPolledService(t *testing.T) {
	s, h := polledService(t)
	c, _ := h.becomes("orders", "healthy", changeWithin)
	if !strings.Contains(fmt.Sprint(c.Details), "stock") {
		t.Errorf("the service's checks are nowhere in %+v", c)
	}
	s.order("empty")
	h.becomes("orders", "down", changeWithin)
	s.order("full")
	h.becomes("orders", "healthy", changeWithin)
	// Kubernetes' probes of the service, through its own middleware.
	for _, probe := range []string{"/health/live", "/health/ready", "/health/started"} {
		resp, err := client.Get(s.url + probe)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.Header.Get("X-Response-Time") == "" {
			t.Errorf("%s: %s, %v", probe, resp.Status, resp.Header)
		}
	}
}

// Apart from the test above: a service that breaks twice within so few runs is
// one late answer away from flapping, and on a busy machine there is one.
func TestPolledServiceFreezes(t *testing.T) {
	s, h := polledService(t)
	h.becomes("orders", "healthy", changeWithin)
	s.signal(syscall.SIGSTOP)
	c, _ := h.becomes("orders", "down", changeWithin)
	if !strings.Contains(c.Reason, "no answer within") {
		t.Errorf("got %+v", c)
	}
	s.signal(syscall.SIGCONT)
	h.becomes("orders", "healthy", changeWithin)
}

// A hub that was suspended did not look, so nothing was down meanwhile, and nothing is
// known to have been up.
func TestSuspendedHub(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		<-time.After(300 * time.Millisecond) // so that the hub is probably suspended in the middle of a run
	}))
	defer slow.Close()
	h := startHub(t, t.TempDir(), "--config", configuration(t,
		"services:",
		"  - {name: orders, silence: 15s, down_after: 20s, critical: true}",
		"checks:",
		fmt.Sprintf("  - {name: slow, type: http, url: %q, interval: 500ms, timeout: 450ms, failures: 1, critical: true}", slow.URL)))
	startService(t, h.url)
	h.becomes("orders", "healthy", changeWithin)
	h.becomes("slow", "healthy", changeWithin)
	<-time.After(time.Second)
	for _, pause := range []time.Duration{3 * time.Second, 40 * time.Second} {
		h.signal(syscall.SIGSTOP)
		<-time.After(pause)
		h.signal(syscall.SIGCONT)
		woke := time.Now()
		for time.Since(woke) < 6*time.Second {
			if r, status := h.health(); status != 200 {
				t.Fatalf("after a pause of %v: %d, %+v", pause, status, r)
			}
			<-time.After(10 * time.Millisecond)
		}
	}
	h.becomes("orders", "healthy", changeWithin)
	for _, name := range []string{"orders", "slow"} {
		var history struct {
			UptimePercent, KnownPercent float64
			Segments                    []struct {
				From, To int64
				Status   string
			}
		}
		h.get("/api/v1/health/history?hours=1&name="+name, &history)
		unknown := int64(0)
		for _, s := range history.Segments {
			switch s.Status {
			case "down":
				t.Errorf("%s was down for %d ms: %+v", name, s.To-s.From, history.Segments)
			case "unknown":
				unknown += s.To - s.From
			}
		}
		if unknown < 35_000 || unknown > 60_000 {
			t.Errorf("the status of %s is unknown for %d ms of a pause of 40 s: %+v", name, unknown, history.Segments)
		}
	}
}
