package text

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/goldentest"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
)

// fixed is a report whose numbers are of all sizes.
func fixed() *report.Performance {
	to := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	return &report.Performance{
		TotalRequests: 1234567, ResponseTimes: report.ResponseTimes{AvgResponseTime: 48.23, P50ResponseTime: 31.9, P95ResponseTime: 182.5, P99ResponseTime: 640.1, MaxResponseTime: 12105.1}, ErrorRate: 0.00001, ClientErrorRate: 0.021,
		SlowEndpoints: 1, Endpoints: 42,
		Window: report.Window{From: to.Add(-24 * time.Hour), To: to, Hours: 24},
		Trust:  report.Trust{Samples: 1234567, ErrorBound: 0.005416, Dropped: 1204, DroppedReasons: map[string]uint64{"invalid": 2, "queue_full": 1200, "buffer_full": 2}, TooOld: 7, Overflowed: 2500},
		SlowestEndpoints: []report.Endpoint{{
			Service: "orders", Endpoint: "/reports/{id}", Method: "GET", TotalRequests: 1204,
			ResponseTimes: report.ResponseTimes{AvgResponseTime: 120.5, P50ResponseTime: 80.25, P95ResponseTime: 812.4, P99ResponseTime: 1033.9, MaxResponseTime: 2105.1},
			ErrorRate:     0.012, ClientErrorRate: 0.031, Slow: true, SlowReason: "p95 812 ms over target 500 ms (1,204 samples)",
		}, {
			Service: "orders", Endpoint: "/", Method: "DELETE", TotalRequests: 3, ResponseTimes: report.ResponseTimes{AvgResponseTime: 0.004, MaxResponseTime: 0.01}, InsufficientData: true,
		}},
	}
}

func TestReport(t *testing.T) {
	var out strings.Builder
	p := fixed()
	out.WriteString(Window(p.Window) + "\n")
	if err := Report(&out, term.Screen{}, p); err != nil {
		t.Fatal(err)
	}
	goldentest.Compare(t, "testdata/report.golden", out.String())
}

func TestEndpoints(t *testing.T) {
	var out strings.Builder
	p := fixed()
	e := &client.Endpoints{
		Rows: p.SlowestEndpoints, Total: p.Endpoints, Window: p.Window,
		Trust: report.Trust{Dropped: 1, Overflowed: p.Trust.Overflowed},
	}
	if err := Endpoints(&out, term.Screen{}, e); err != nil {
		t.Fatal(err)
	}
	goldentest.Compare(t, "testdata/endpoints.golden", out.String())
}

func TestReportIsPaintedOnATerminal(t *testing.T) {
	var out strings.Builder
	p := fixed()
	p.Trust.InsufficientData = true
	if err := Report(&out, term.Screen{Terminal: true, Color: true, Width: 130, Height: 50}, p); err != nil {
		t.Fatal(err)
	}
	goldentest.Compare(t, "testdata/report_on_a_terminal.golden", out.String())
}

// TestReportFitsItsScreen prints the fixed report on screens of many widths: what
// does not fit in full is cut or left out, so no line breaks.
func TestReportFitsItsScreen(t *testing.T) {
	for width := 80; width < 180; width++ {
		for _, row := range endpointTable(fixed().SlowestEndpoints).Lines(term.Screen{Width: width}) {
			if n := utf8.RuneCountInString(row); n > width {
				t.Errorf("width %d: %d characters in %q", width, n, row)
			}
		}
	}
	got := strings.Join(endpointTable(fixed().SlowestEndpoints).Lines(term.Screen{Width: 80}), "\n")
	want := strings.Trim(`
service  method  endpoint       requests  errors %  p95 ms  p99 ms  remark
orders   GET     /reports/{id}     1,204      1.20     812   1,034  slow: p95 8…
orders   DELETE  /                     3      0.00    0.00    0.00  insufficien…
`, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
