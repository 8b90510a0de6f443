package kymoconnect

import (
	"runtime"
	"testing"
	"time"

	"github.com/kymohq/kymo/kymotest"
)

// recorded waits until the sink has n requests, which may be a moment after their
// responses, and returns them.
func recorded(t *testing.T, sink *kymotest.Sink, n int) []kymotest.Request {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
		requests := sink.Requests()
		if len(requests) == n {
			return requests
		}
		if len(requests) > n || time.Now().After(deadline) {
			t.Fatalf("%d requests were recorded, want %d: %+v", len(requests), n, requests)
		}
	}
}
