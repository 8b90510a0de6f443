package probe

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/probe/modelservertest"
	"github.com/kymohq/kymo/internal/serverstest"
)

func fourLengths() map[string]any {
	return map[string]any{"inputs": []any{map[string]any{
		"name": "input", "shape": []int{1, 4}, "datatype": "FP32", "data": []float64{5.1, 3.5, 1.4, 0.2},
	}}}
}

func TestKServe(t *testing.T) {
	for _, c := range []struct {
		name    string
		happens func(*modelservertest.Server)
		spec    func(*Spec)
		status  health.Status
		reason  string
	}{
		{"well", nil, nil, health.Healthy, ""},
		{"the server alone", nil, func(s *Spec) { s.Models, s.Canary = nil, nil }, health.Healthy, ""},
		{"the server is not ready", func(m *modelservertest.Server) { m.SetReady(false) }, nil, health.Degraded, "loading"},
		{"a model is loading", func(m *modelservertest.Server) { m.SetLoading("churn") }, nil, health.Degraded, "loading; churn: loading"},
		{"a model is gone", func(m *modelservertest.Server) { m.Unload("churn") }, nil, health.Down, "churn: the server has no such model"},
		{"the worst counts", func(m *modelservertest.Server) { m.SetLoading("fraud"); m.Unload("churn") }, nil, health.Down,
			"churn: the server has no such model; loading; fraud: loading"},
		{"a model that never was", nil, func(s *Spec) { s.Models = append(s.Models, "other") }, health.Down, "other: the server has no such model"},
		{"another shape", func(m *modelservertest.Server) { m.SetShape("fraud", -1, 2) }, nil, health.Down, "fraud: output shape is [1,2], not [1,3]"},
		{"any length", func(m *modelservertest.Server) { m.SetShape("fraud", 9, 3) }, func(s *Spec) { s.Canary.Shape = []int{-1, 3} }, health.Healthy, ""},
		{"any shape", func(m *modelservertest.Server) { m.SetShape("fraud", 9) }, func(s *Spec) { s.Canary.Shape = nil }, health.Healthy, ""},
		{"slow", nil, func(s *Spec) { s.Canary.Budget = time.Nanosecond }, health.Degraded, "fraud: inference took"},
		{"slow and wrong", nil, func(s *Spec) { s.Canary.Budget, s.Canary.Shape = time.Nanosecond, []int{4} }, health.Down, "output shape is [1,3], not [4]"},
		{"it fails", func(m *modelservertest.Server) { m.SetFailure("CUDA out of memory") }, nil, health.Down,
			"fraud: inference answered 400 Bad Request: CUDA out of memory"},
		{"a wrong request", nil, func(s *Spec) { s.Canary.Body = map[string]any{"inputs": []any{}} }, health.Down, "400 Bad Request: the request has no inputs"},
		{"frozen in an inference", func(m *modelservertest.Server) { m.SetDelay(time.Hour) }, nil, health.Down, "no answer within"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := modelservertest.New("fraud", "churn")
			if c.happens != nil {
				c.happens(m)
			}
			s := Spec{Type: "kserve", URL: web(t, m.ServeHTTP).URL, Models: []string{"fraud", "churn"},
				Canary: &Canary{Body: fourLengths(), Shape: []int{1, 3}}}
			if c.spec != nil {
				c.spec(&s)
			}
			p := openProbe(t, s)
			switch {
			case c.status == health.Healthy:
				wantHealthy(t, p)
			case strings.HasPrefix(c.reason, "no answer"):
				wantProblem(t, p, short, c.status, c.reason)
			default:
				wantProblem(t, p, enough, c.status, c.reason)
			}
		})
	}
}

// One probe sees a model come, go and come back, over a connection that is kept while all
// is well.
func TestKServeFollows(t *testing.T) {
	m := modelservertest.New("fraud", "churn")
	proxy := serverstest.Proxy(t, web(t, m.ServeHTTP).Listener.Addr().String())
	p := openProbe(t, Spec{Type: "kserve", URL: "http://" + proxy.Addr(), Models: []string{"churn", "fraud"},
		Canary: &Canary{Model: "fraud", Body: fourLengths(), Shape: []int{1, 3}, Budget: enough}})
	details := wantHealthy(t, p)
	churn, fraud := details["churn"].(map[string]any), details["fraud"].(map[string]any)
	if churn["ready"] != true || churn["inference_ms"] != nil || fraud["status"] != "healthy" || fraud["inference_ms"].(float64) <= 0 {
		t.Errorf("details are %v", details)
	}
	inferred := m.Inferences()
	m.SetLoading("fraud")
	details = wantProblem(t, p, enough, health.Degraded, "fraud: loading")
	if fraud := details["fraud"].(map[string]any); fraud["ready"] != false || fraud["status"] != "degraded" || m.Inferences() != inferred {
		t.Errorf("details are %v, after %d inferences", details, m.Inferences()-inferred)
	}
	m.Unload("fraud")
	wantProblem(t, p, enough, health.Down, "fraud: the server has no such model")
	m.Load("fraud")
	wantHealthy(t, p)
	wantHealthy(t, p)
	if proxy.Accepted() != 3 {
		t.Errorf("%d connections, want 3: one more after each of the two runs that were not healthy", proxy.Accepted())
	}
}

// Servers have different answers with the same meaning.
func TestKServeDialects(t *testing.T) {
	const ready, about, serverReady, live, infer = "GET /v2/models/m/ready", "GET /v2/models/m", "GET /v2/health/ready", "GET /v2/health/live", "POST /v2/models/m/infer"
	well := script{serverReady: on(200, ""), live: on(200, ""), ready: on(200, ""), about: on(200, "{}"), infer: on(200, `{"outputs": [{"shape": [2]}]}`)}
	models := Spec{Models: []string{"m"}}
	canary := Spec{Models: []string{"m"}, Canary: &Canary{Body: map[string]any{"a": 1}}}
	notReady := well.with(ready, on(400, ""))
	testModels(t, "kserve", []modelCase{
		{"well", well, canary, health.Healthy, ""},
		{"Triton does not know it", well.with(ready, on(400, `{"error": "Request for unknown model: 'm' is not found"}`)), models, health.Down, "no such model"},
		{"Triton says so later", notReady.with(about, on(400, `{"error": "Request for unknown model: 'm' is not found"}`)), models, health.Down, "no such model"},
		{"absent", notReady.with(about, on(404, "")), models, health.Down, "no such model"},
		{"there, not ready", notReady, models, health.Degraded, "m: loading"},
		{"neither ready nor able to tell", notReady.with(about, on(503, "")), models, health.Degraded, "m: loading"},
		{"broken", notReady.with(about, on(500, `{"error": "bad version"}`)), models, health.Down, "m: answered 500 Internal Server Error: bad version"},
		{"the key is not for models", well.with(ready, on(403, "")), models, health.Down, "m: the server rejects the key"},
		{"nor for what they are", notReady.with(about, on(403, "")), models, health.Down, "m: the server rejects the key"},
		{"another protocol", script{}, models, health.Down, "does not speak the protocol"},
		{"limited in the middle", well.with(serverReady, on(503, "")).with(live, on(429, "")), models, health.Degraded, "rate limited"},
		{"neither ready nor live", script{serverReady: on(503, ""), live: on(503, "")}, models, health.Down, "answered 503 Service Unavailable"},
		{"no outputs", well.with(infer, on(200, `{"outputs": []}`)), canary, health.Down, "m: the answer to the inference has no outputs"},
		{"no JSON", well.with(infer, on(200, `{`)), canary, health.Down, "has no outputs"},
		{"too large", well.with(infer, on(200, strings.Repeat(" ", maxTensors+1))), canary, health.Down, "over 8 MiB"},
	})
	for _, breaks := range []string{live, about, infer} { // the connection, at that
		t.Run("cut at "+breaks, func(t *testing.T) {
			server := notReady.with(serverReady, on(503, ""))
			if breaks == infer {
				server = well
			}
			s := canary
			s.Type, s.URL = "kserve", web(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method+" "+r.URL.Path == breaks {
					panic(http.ErrAbortHandler)
				}
				server.ServeHTTP(w, r)
			}).URL
			wantProblem(t, openProbe(t, s), enough, health.Down, "connection closed by the server")
		})
	}
}
