package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/report"
)

// becomes repeats a GET until the answer is good.
func becomes(t *testing.T, url string, want string, good func(code int, body []byte) bool) {
	t.Helper()
	code, body := 0, []byte(nil)
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) { // between two attempts
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if code = resp.StatusCode; err == nil && good(code, body) {
			return
		}
	}
	t.Fatalf("%s did not become %s: %d %s", url, want, code, body)
}

// TestDemoTellsOneStory: while the database is stopped the hub reports that it is
// down, and the shop has errors where it had none; the hub sees it come back, and
// no request is missed.
func TestDemoTellsOneStory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	stdin, keyboard := io.Pipe()
	urls := regexp.MustCompile(`(?m)^  report     (http://\S+)$(?:.|\n)*^  health     (http://\S+)$`)
	found := make(chan []string, 1)
	out := &watched{seen: func(text string) {
		if m := urls.FindStringSubmatch(text); m != nil {
			select {
			case found <- m:
			default:
			}
		}
	}}
	ended := make(chan int)
	var stderr strings.Builder
	go func() { ended <- run(t.Context(), []string{"demo", "--rate", "100"}, stdin, out, &stderr, nil) }()
	var at []string
	select {
	case at = <-found:
	case status := <-ended:
		t.Fatalf("status %d, stderr %s", status, stderr.String())
	}
	database := func(code int, state health.Status) func(int, []byte) bool {
		return func(status int, body []byte) bool {
			var a health.Answer
			return json.Unmarshal(body, &a) == nil && status == code && a.Checks["database"].State == state
		}
	}
	// Failures of the last report that was read. On a busy machine there may be some
	// before the database is stopped.
	var last struct{ requests, failures float64 }
	read := func(_ int, body []byte) bool {
		var p report.Performance
		if json.Unmarshal(body, &p) != nil || p.TotalRequests == 0 {
			return false
		}
		last.requests, last.failures = float64(p.TotalRequests), p.ErrorRate*float64(p.TotalRequests)
		return true
	}
	products := at[1] + "&hours=1&endpoint=/products/{id}"
	becomes(t, at[2], "healthy", database(200, health.Healthy))
	becomes(t, products, "a report", read)
	before := last
	io.WriteString(keyboard, "d\n")
	becomes(t, at[2], "down", database(503, health.Down))
	becomes(t, products, "errors alone", func(status int, body []byte) bool {
		now := last
		if !read(status, body) {
			return false
		}
		// What was under way when the database stopped may have succeeded.
		return last.failures-before.failures > 10 && last.failures-now.failures >= 0.9*(last.requests-now.requests)
	})
	io.WriteString(keyboard, "d\n")
	becomes(t, at[2], "healthy again", database(200, health.Healthy))
	io.WriteString(keyboard, "q\n")
	keyboard.Close()
	status := <-ended
	text := out.text.String()
	m := regexp.MustCompile(`\nload generator sent ([\d,]+) requests; Kymo reports ([\d,]+)\n$`).FindStringSubmatch(text)
	if m == nil || m[1] != m[2] || !strings.Contains(text, ": the database is stopped\n") || status != exitOK {
		t.Errorf("status %d, stderr %s, stdout\n%s", status, stderr.String(), text)
	}
}
