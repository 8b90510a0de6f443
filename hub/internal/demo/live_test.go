package demo

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
)

var quiet = slog.New(slog.DiscardHandler)

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

// fakeHub reports on one endpoint more with each request, and counts total requests.
func fakeHub(t *testing.T, total uint64) *client.Client {
	asked := 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics/endpoints", func(w http.ResponseWriter, _ *http.Request) {
		asked++
		if asked == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode([]report.Endpoint{
			{Method: "GET", Endpoint: "/b", TotalRequests: uint64(100 * asked), ResponseTimes: report.ResponseTimes{P95ResponseTime: 600}, Slow: true},
			{Method: "GET", Endpoint: "/a", TotalRequests: uint64(asked), ErrorRate: 0.5},
		})
	})
	mux.HandleFunc("GET /metrics/performance", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(report.Performance{TotalRequests: total})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return clientOf(t, server.URL)
}

func clientOf(t *testing.T, hub string) *client.Client {
	t.Helper()
	c, err := client.New(hub, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLiveTable draws on a terminal until the third answer is on it.
func TestLiveTable(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	out := &watched{seen: func(text string) {
		if strings.Contains(text, "303 requests in ") {
			stop()
		}
	}}
	d := &demo{
		Config:  Config{Hub: fakeHub(t, 0), Stdout: out, Screen: term.Screen{Terminal: true, Width: 60, Height: 30}},
		service: "shop", shopURL: "http://shop", load: newLoad("", 300), begun: time.Now(), controls: newControls(nil, nil),
	}
	d.show(ctx)
	for _, want := range []string{
		"\rwaiting for the first second's requests …\x1b[K\n\r\x1b[J\x1b[10A\r",
		"\r  report     http://127.0.0.1",
		"\rmethod  endpoint  requests  req/s  p50 ms  p95 ms  p99 ms  e\x1b[K\n",
	} {
		if !strings.Contains(out.text.String(), want) {
			t.Errorf("%q is missing in %q", want, out.text.String())
		}
	}
}

func TestLivePicture(t *testing.T) {
	begun := time.Unix(0, 0)
	d := &demo{Config: Config{Hub: fakeHub(t, 0)}, service: "shop", load: newLoad("", 300), begun: begun}
	v := &live{demo: d, askedAt: begun}
	rows := func(n uint64) []report.Endpoint {
		return []report.Endpoint{
			{Method: "GET", Endpoint: "/b", TotalRequests: 100 * n, ResponseTimes: report.ResponseTimes{P50ResponseTime: 500, P95ResponseTime: 600, P99ResponseTime: 700}, Slow: true},
			{Method: "GET", Endpoint: "/a", TotalRequests: n, ErrorRate: 0.5},
		}
	}
	v.update(rows(1), begun.Add(time.Second))
	v.update(rows(3), begun.Add(3*time.Second))
	ill := health.HealthCheck{State: health.Down, Status: health.Down, Critical: true, Reason: "refused"}
	v.health = &health.Answer{Status: health.Down, Checks: map[string]health.HealthCheck{
		"database": ill, "redis": {State: health.Healthy, Status: health.Healthy, Flapping: true},
	}}
	v.event = "the database is stopped"
	got := strings.Join(v.picture(begun.Add(3 * time.Second))[len(v.head()):], "\n")
	want := strings.Trim(`
health  down: database down (refused) · redis healthy, flapping
the database is stopped
method  endpoint  requests  req/s  p50 ms  p95 ms  p99 ms  errors %
GET     /a               3   1.00    0.00    0.00    0.00     50.00
GET     /b             300    100     500     600     700      0.00  slow

303 requests in 3 s, 101/s now`, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	v.update(rows(4), begun.Add(4*time.Second))
	if got, want := v.line(begun.Add(4*time.Second)), "4 s: 404 requests, 101/s; slow: GET /b, p95 600 ms; down: database; 2 checks in all"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
