package probe

import (
	"net/url"
	"testing"

	"github.com/kymohq/kymo/health"
)

func TestTorchServe(t *testing.T) {
	const ping, infer = "GET /ping", "POST /predictions/m"
	well := script{ping: on(200, `{"status": "Healthy"}`), infer: on(200, `[[0.1, 0.9]]`)}
	canary := func(shape ...int) Spec {
		return Spec{Canary: &Canary{Model: "m", Body: map[string]any{"data": 1}, Shape: shape}}
	}
	testModels(t, "torchserve", []modelCase{
		{"well", well, Spec{}, health.Healthy, ""},
		{"partly", well.with(ping, on(200, `{"status": "Partial Healthy"}`)), Spec{}, health.Degraded, "some models have fewer workers"},
		{"unhealthy", well.with(ping, on(500, `{"status": "Unhealthy"}`)), Spec{}, health.Down, "the server says Unhealthy"},
		{"healthy with 500", well.with(ping, on(500, `{"status": "Healthy"}`)), Spec{}, health.Down, "the server says Healthy"},
		{"no status", well.with(ping, on(200, `pong`)), Spec{}, health.Down, "the answer to /ping has no status"},
		{"something else", script{}, Spec{}, health.Down, "answered 404 Not Found"},
		{"inference", well, canary(1, 2), health.Healthy, ""},
		{"a text for an answer", well.with(infer, on(200, "cat")), canary(), health.Healthy, ""},
		{"a text for a shape", well.with(infer, on(200, "cat")), canary(1, 2), health.Down, "m: the answer to the inference is not JSON, so it has no shape [1,2]"},
		{"another shape", well, canary(1, 3), health.Down, "m: output shape is [1,2], not [1,3]"},
		{"an error", well.with(infer, on(503, `{"code": 503, "message": "no worker is available"}`)), canary(), health.Down,
			"m: inference answered 503 Service Unavailable: no worker is available"},
	})
}

func TestTorchServeManagement(t *testing.T) {
	const line = "GET /models/m"
	inference := web(t, script{"GET /ping": on(200, `{"status": "Healthy"}`)}.ServeHTTP)
	for _, c := range []struct {
		name   string
		answer answer
		status health.Status
		reason string
	}{
		{"ready", on(200, `[{"workers": [{"status": "READY"}, {"status": "READY"}]}]`), health.Healthy, ""},
		{"one of two", on(200, `[{"workers": [{"status": "READY"}, {"status": "UNLOADING"}]}]`), health.Degraded, "m: 1 of 2 workers are ready"},
		{"loading", on(200, `[{"workers": [{"status": "LOADING"}]}]`), health.Degraded, "m: loading"},
		{"no workers", on(200, `[{"workers": []}]`), health.Down, "m: no workers"},
		{"no versions", on(200, `[]`), health.Down, "m: the management API does not list workers"},
		{"unknown", on(404, ""), health.Down, "m: the server has no such model"},
		{"broken", on(500, `{"message": "app geheim"}`), health.Down, "m: answered 500 Internal Server Error: *** ***"},
		{"refused", on(401, ""), health.Down, "m: the server rejects the key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			management, err := url.Parse(web(t, script{line: c.answer}.ServeHTTP).URL)
			if err != nil {
				t.Fatal(err)
			}
			management.User = url.UserPassword("app", "geheim")
			p := openProbe(t, Spec{Type: "torchserve", Models: []string{"m"}, URL: inference.URL + "?management=" + management.String()})
			if c.status == health.Healthy {
				wantHealthy(t, p)
				return
			}
			wantProblem(t, p, enough, c.status, c.reason)
		})
	}
	for body, want := range map[string]string{
		`"jobQueueStatus": {"remainingCapacity": 95, "pendingRequests": 5},`: "10 requests are waiting, max_queue is 10",
		"": "the server reports no number of waiting requests",
	} {
		model := on(200, `[{`+body+`"workers": [{"status": "READY"}]}]`)
		management := web(t, script{line: model, "GET /models/n": model}.ServeHTTP)
		spec := Spec{Type: "torchserve", Models: []string{"m", "n"}, URL: inference.URL + "?management=" + management.URL, MaxQueue: 10}
		p, status := openProbe(t, spec), health.Degraded
		if body == "" {
			status = health.Unknown
		}
		for range 2 { // the runs are not added up
			wantProblem(t, p, enough, status, want)
		}
	}
	p := openProbe(t, Spec{Type: "torchserve", Models: []string{"m"}, URL: inference.URL + "?management=http://app:geheim@" + closedTCP(t)})
	wantProblem(t, p, enough, health.Down, "connection refused")
}
