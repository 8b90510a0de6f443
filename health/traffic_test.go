package health

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestVerdictOfTraffic(t *testing.T) {
	for _, c := range []struct {
		calls, failures int
		want            Status
	}{
		{1, 0, Healthy}, {1, 1, Down}, {2, 1, Degraded}, {4, 2, Degraded}, {5, 2, Degraded}, {5, 3, Down},
		{10, 1, Degraded}, {11, 1, Healthy}, {10, 5, Down}, {10, 4, Degraded}, {100, 9, Healthy}, {100, 100, Down},
	} {
		traffic := NewTraffic()
		for i := range c.calls {
			var err error
			if i < c.failures {
				err = errGone
			}
			traffic.Observe(10*time.Millisecond, err)
		}
		traffic.Observe(time.Hour, context.Canceled)
		s := traffic.take()
		details, err := s.verdict()
		if StatusOf(err) != c.want || s.mean != 10*time.Millisecond || details["calls"] != uint64(c.calls) {
			t.Errorf("%d of %d failed: %v, mean %s, %v", c.failures, c.calls, err, s.mean, details)
		}
		if err != nil && (!strings.Contains(err.Error(), "calls failed: connection refused") || !errors.Is(err, errGone)) {
			t.Error(err)
		}
		if s := traffic.take(); s.calls != 0 || s.failures != 0 || s.mean != 0 {
			t.Errorf("taken twice: %+v", s)
		}
	}
}

func TestTransport(t *testing.T) {
	hanging := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/broken":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/none":
			http.NotFound(w, r)
		case "/hanging":
			select {
			case <-hanging:
			case <-r.Context().Done():
			}
		default:
			_, _ = io.WriteString(w, "ok")
		}
	}))
	defer server.Close()
	defer close(hanging)
	var traffic Traffic
	client := &http.Client{Transport: traffic.Transport(nil)}
	defer client.CloseIdleConnections()
	for _, c := range []struct {
		name, url       string
		calls, failures uint64
		reason          string
		ctx             func() (context.Context, context.CancelFunc)
	}{
		{"fine", server.URL, 1, 0, "", nil},
		{"a client's mistake", server.URL + "/none", 1, 0, "", nil},
		{"broken", server.URL + "/broken", 1, 1, "answered 503 Service Unavailable", nil},
		{"nobody there", "http://127.0.0.1:1", 1, 1, "refused", nil},
		{"too late", server.URL + "/hanging", 1, 1, "deadline", func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), 5*time.Millisecond)
		}},
		{"given up by the caller", server.URL + "/hanging", 0, 0, "", func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(5*time.Millisecond, cancel)
			return ctx, cancel
		}},
	} {
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if c.ctx != nil {
			ctx, cancel = c.ctx()
		}
		r, err := http.NewRequestWithContext(ctx, "GET", c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := client.Do(r); err == nil {
			resp.Body.Close()
		}
		cancel()
		s := traffic.take()
		if s.calls != c.calls || s.failures != c.failures || c.reason != "" && !strings.Contains(s.last.Error(), c.reason) {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
	// What cannot close its connections is not asked to.
	(&http.Client{Transport: traffic.Transport(roundTripper{})}).CloseIdleConnections()
}

type roundTripper struct{ http.RoundTripper }

func BenchmarkObserve(b *testing.B) {
	var traffic Traffic
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			traffic.Observe(time.Millisecond, nil)
		}
	})
}

// silent accepts connections and never says a word.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
