package health_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/kymohq/kymo/health"
)

// A registry runs checks in the background; its handler answers from memory.
func Example() {
	checked := make(chan health.Observation, 1)
	var registry health.Registry
	registry.Observe(func(o health.Observation) {
		select {
		case checked <- o:
		default: // only the first run is waited for
		}
	})
	defer registry.Close(context.Background())
	broker := health.Func(func(context.Context) error { return errors.New("no broker answers") })
	if err := registry.Register("queue", broker, health.Every(100*time.Millisecond), health.Critical(), health.Thresholds(1, 1)); err != nil {
		fmt.Println(err)
	}

	<-checked

	w := httptest.NewRecorder() // in a service: http.Handle("GET /health", registry.Handler())
	registry.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/health", nil))
	queue := registry.Report().Checks[0]
	fmt.Println(w.Code, queue.Name, "is", queue.Status, "because", queue.Reason)
	// Output: 503 queue is down because no broker answers
}

// A probe can be run on its own, within a timeout.
func ExampleRun() {
	slow := health.Func(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	r, err := health.Run(context.Background(), slow, health.Timeout(20*time.Millisecond))
	fmt.Println(r.Status, r.Reason, err)
	// Output: down no answer within 20 ms <nil>
}

// Any function is a probe. What works badly is degraded, not down.
func ExampleDegradedf() {
	waiting := 1200
	backlog := health.Func(func(context.Context) error {
		if waiting > 1000 {
			return health.Degradedf("%d jobs wait", waiting)
		}
		return nil
	})
	r, _ := health.Run(context.Background(), backlog)
	fmt.Println(r.Status, r.Reason)
	// Output: degraded 1200 jobs wait
}

// The calls that a service makes anyway give the verdict, so that the probe runs
// only when there are none.
func ExampleTraffic() {
	checked := make(chan health.Observation, 1)
	var registry health.Registry
	registry.Observe(func(o health.Observation) {
		select {
		case checked <- o:
		default: // only the first run is waited for
		}
	})
	defer registry.Close(context.Background())
	calls := health.NewTraffic()
	for range 3 { // in a service: http.Client{Transport: calls.Transport(nil)}
		calls.Observe(time.Millisecond, errors.New("connection refused"))
	}
	probe := health.HTTP("http://payments.internal/ping")
	if err := registry.Register("payments", probe, health.Every(100*time.Millisecond), health.Passive(calls), health.Thresholds(1, 1)); err != nil {
		fmt.Println(err)
	}
	<-checked
	c := registry.Report().Checks[0]
	fmt.Println(c.Status, c.Passive, c.Reason)
	// Output: down true 3 of 3 calls failed: connection refused
}
