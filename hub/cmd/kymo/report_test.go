package main

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		write(t, path, got)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// fixed is a report whose numbers are of all sizes.
func fixed() *report.Performance {
	to := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	return &report.Performance{
		TotalRequests: 1234567, AvgResponseTime: 48.23, P50ResponseTime: 31.9, P95ResponseTime: 182.5,
		P99ResponseTime: 640.1, MaxResponseTime: 12105.1, ErrorRate: 0.00001, ClientErrorRate: 0.021,
		SlowEndpoints: 1, Endpoints: 42,
		Window: report.Window{From: to.Add(-24 * time.Hour), To: to, Hours: 24},
		Trust:  report.Trust{Samples: 1234567, ErrorBound: 0.005416, Dropped: 1, Overflowed: 2500},
		SlowestEndpoints: []report.Endpoint{{
			Service: "orders", Endpoint: "/reports/{id}", Method: "GET", TotalRequests: 1204,
			AvgResponseTime: 120.5, P50ResponseTime: 80.25, P95ResponseTime: 812.4, P99ResponseTime: 1033.9, MaxResponseTime: 2105.1,
			ErrorRate: 0.012, ClientErrorRate: 0.031, Slow: true, SlowReason: "p95 812 ms over target 500 ms (1,204 samples)",
		}, {
			Service: "orders", Endpoint: "/", Method: "DELETE", TotalRequests: 3, AvgResponseTime: 0.004,
			MaxResponseTime: 0.01, InsufficientData: true,
		}},
	}
}

// hubOf answers with the report and its endpoints.
func hubOf(t *testing.T, p *report.Performance) string {
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, v any) {
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("GET /metrics/performance", func(w http.ResponseWriter, _ *http.Request) { reply(w, p) })
	mux.HandleFunc("GET /metrics/endpoints", func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"X-Total-Count": "42", "Kymo-Dropped": "1", "Kymo-Overflowed": "2500",
			"Kymo-Window-From": p.Window.From.Format(time.RFC3339Nano), "Kymo-Window-To": p.Window.To.Format(time.RFC3339Nano),
		} {
			w.Header().Set(name, value)
		}
		reply(w, p.SlowestEndpoints)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestReportIsPrinted(t *testing.T) {
	hub := hubOf(t, fixed())
	r := runKymo(t, nil, "report", "--hub", hub)
	r.expect(t, exitOK, "")
	golden(t, "report.golden", r.stdout.String())

	r = runKymo(t, nil, "endpoints", "--hub", hub)
	r.expect(t, exitOK, "")
	golden(t, "endpoints.golden", r.stdout.String())
}
