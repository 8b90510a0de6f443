package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/retry"
)

func TestCause(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{&url.Error{Err: &net.DNSError{Err: "no such host", Name: "hub"}}, "no such host: hub"},
		{&url.Error{Err: context.DeadlineExceeded}, "timed out"},
		{&url.Error{Err: &net.OpError{Err: os.NewSyscallError("connect", errors.New("connection refused"))}}, "connection refused"},
		{&url.Error{Err: &net.OpError{Err: errors.New("broken pipe")}}, "broken pipe"},
		{&url.Error{Err: errors.New("unsupported protocol")}, "unsupported protocol"},
		{errors.New("odd"), "odd"},
	}
	for _, test := range tests {
		if got := (&UnreachableError{Err: test.err}).Cause(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestRetryAfterIsBounded(t *testing.T) {
	for header, want := range map[string]time.Duration{"": 0, "2": 2 * time.Second, "3600": maxRetryAfter, "soon": 0} {
		r := newRefusal(&http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {header}}}, nil)
		if r.RetryAfter != want {
			t.Errorf("%q: got %s, want %s", header, r.RetryAfter, want)
		}
	}
}

// TestReceipts accepts only an answer that accounts for every row.
func TestReceipts(t *testing.T) {
	for answer, want := range map[string]bool{
		`{"accepted":5,"duplicate":false}`:             true,
		`{"accepted":3,"duplicate":true,"dropped":2}`:  true,
		`{"accepted":4,"duplicate":false}`:             false,
		`{"accepted":5}`:                               false,
		`{"duplicate":false,"dropped":5}`:              false,
		`{}`:                                           false,
		`<html>`:                                       false,
		`{"accepted":"5","duplicate":false}`:           false,
		`{"accepted":9,"duplicate":false,"dropped":2}`: false,
	} {
		if _, ok := readReceipt([]byte(answer), 5); ok != want {
			t.Errorf("%s: %v, want %v", answer, ok, want)
		}
	}
}

// TestAnswers decodes a hub's answers, and what is only in their headers.
func TestAnswers(t *testing.T) {
	to := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics/performance", func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.RawQuery + " " + r.Header.Get("Authorization"); got != "hours=24 Bearer secret" {
			t.Errorf("asked with %q", got)
		}
		io.WriteString(w, `{"total_requests": 3}`)
	})
	mux.HandleFunc("GET /api/v1/retention", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"floor": null, "reason": "none"}`)
	})
	mux.HandleFunc("POST /api/v1/retention", func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != `{"floor":"2026-11-23T10:00:00Z"}` || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the floor is lowered with %s", body)
		}
		io.WriteString(w, `{"floor": "2026-11-23T10:00:00Z", "reason": "age"}`)
	})
	mux.HandleFunc("GET /metrics/endpoints", func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"X-Total-Count": "42", "Kymo-Dropped": "1", "Kymo-Overflowed": "2500",
			"Kymo-Window-From": to.Add(-24 * time.Hour).Format(time.RFC3339Nano), "Kymo-Window-To": to.Format(time.RFC3339Nano),
		} {
			w.Header().Set(name, value)
		}
		io.WriteString(w, `[{"endpoint": "/a"}]`)
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"status": "down", "checks": {}}`)
	})
	mux.HandleFunc("GET /api/v1/health/history", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"name": "database"}`) })
	server := httptest.NewServer(mux)
	defer server.Close()
	c, err := New(server.URL, "secret")
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Performance(t.Context(), url.Values{"hours": {"24"}})
	if err != nil || p.TotalRequests != 3 {
		t.Errorf("performance: %+v, %v", p, err)
	}
	e, err := c.Endpoints(t.Context(), nil)
	want := Endpoints{
		Rows: []report.Endpoint{{Endpoint: "/a"}}, Total: 42,
		Window: report.Window{From: to.Add(-24 * time.Hour), To: to, Hours: 24}, Trust: report.Trust{Dropped: 1, Overflowed: 2500},
	}
	if err != nil || !reflect.DeepEqual(*e, want) {
		t.Errorf("endpoints: %+v, %v, want %+v", e, err, want)
	}
	a, body, err := c.Health(t.Context())
	if err != nil || a.Status != health.Down || string(body) != `{"status": "down", "checks": {}}` {
		t.Errorf("health: %+v, %s, %v", a, body, err)
	}
	h, body, err := c.History(t.Context(), nil)
	if err != nil || h.Name != "database" || string(body) != `{"name": "database"}` {
		t.Errorf("history: %+v, %s, %v", h, body, err)
	}
	r, body, err := c.Retention(t.Context())
	if err != nil || r.Floor != nil || r.Reason != report.FloorNone || string(body) != `{"floor": null, "reason": "none"}` {
		t.Errorf("retention: %+v, %s, %v", r, body, err)
	}
	r, body, err = c.LowerFloor(t.Context(), to)
	if err != nil || !r.Floor.Equal(to) || r.Reason != report.FloorAge || string(body) != `{"floor": "2026-11-23T10:00:00Z", "reason": "age"}` {
		t.Errorf("a lower floor: %+v, %s, %v", r, body, err)
	}
	if _, _, err := c.LowerFloor(t.Context(), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
		t.Error("a year that JSON cannot hold is sent")
	}
}

func TestNew(t *testing.T) {
	for _, bad := range []string{"", "hub:5966", "ftp://hub", "http://", "http://me:hunter2@[", "/hub"} {
		if _, err := New(bad, ""); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	c, err := New("http://me:hunter2@hub/kymo", "")
	if err != nil || c.String() != "http://me:xxxxx@hub/kymo" {
		t.Errorf("got %v, %v", c, err)
	}
}

// TestSend repeats a batch while the hub is not able to take it.
func TestSend(t *testing.T) {
	for _, test := range []struct {
		answers []int // of HTTP, in order; the last one is a receipt if it is 202
		sent    int
		want    string
	}{
		{[]int{202}, 1, ""},
		{[]int{429, 503, 202}, 3, ""},
		{[]int{422, 202}, 1, "the hub answered: 422 Unprocessable Entity"},
	} {
		sent := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(test.answers[sent])
			sent++
			io.WriteString(w, `{"accepted": 2, "duplicate": true}`)
		}))
		c, err := New(server.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Send(t.Context(), retry.Policy{Patience: time.Minute}, []byte("batch"), 2)
		server.Close()
		if sent != test.sent || (err == nil) != (test.want == "") || err != nil && err.Error() != test.want {
			t.Errorf("%v: %d sent, %v", test.answers, sent, err)
		}
		if want := (Receipt{Accepted: 2, Duplicate: true}); err == nil && got != want {
			t.Errorf("%v: %+v, want %+v", test.answers, got, want)
		}
	}
}
