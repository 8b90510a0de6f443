package modelservertest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const goodRequest = `{"id": "7", "inputs": [{"name": "input", "shape": [2, 2], "datatype": "FP32", "data": [[1, 2], [3, 4]]}]}`

func ask(s *Server, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestServer(t *testing.T) {
	const infer, load, unload = "POST /v2/models/fraud/infer", "POST /v2/repository/models/fraud/load", "POST /v2/repository/models/fraud/unload"
	nothing := func(*Server) {}
	for _, c := range []struct {
		name    string
		happens func(*Server)
		request string // method, path and body
		status  int
		body    string // what it contains
	}{
		{"about itself", nothing, "GET /v2", 200, `"model_repository"`},
		{"live", nothing, "GET /v2/health/live", 200, ""},
		{"ready", nothing, "GET /v2/health/ready", 200, ""},
		{"not ready", func(s *Server) { s.SetReady(false) }, "GET /v2/health/ready", 503, ""},
		{"live though not ready", func(s *Server) { s.SetReady(false) }, "GET /v2/health/live", 200, ""},
		{"not ready while it loads", func(s *Server) { s.SetLoading("churn") }, "GET /v2/health/ready", 503, ""},
		{"about a model", nothing, "GET /v2/models/fraud", 200, `"shape":[-1,3]`},
		{"about none", nothing, "GET /v2/models/other", 404, `{"error":"Model other not found"}`},
		{"model ready", nothing, "GET /v2/models/fraud/ready", 200, ""},
		{"model loading", func(s *Server) { s.SetLoading("fraud") }, "GET /v2/models/fraud/ready", 400, ""},
		{"model gone", func(s *Server) { s.Unload("fraud") }, "GET /v2/models/fraud/ready", 404, "not found"},
		{"model back", func(s *Server) { s.Unload("fraud"); s.Load("fraud") }, "GET /v2/models/fraud/ready", 200, ""},
		{"repository", func(s *Server) { s.Unload("fraud") }, "POST /v2/repository/index", 200, `"name":"fraud","reason":"","state":"UNAVAILABLE"`},
		{"load none", nothing, "POST /v2/repository/models/other/load", 404, "not found"},
		{"infer", nothing, infer + goodRequest, 200, `"id":"7"`},
		{"the output", nothing, infer + goodRequest, 200, `{"name":"output","shape":[2,3],"datatype":"FP32","data":[0.3333`},
		{"another shape", func(s *Server) { s.SetShape("fraud", 1, 2) }, infer + goodRequest, 200, `"shape":[1,2],"datatype":"FP32","data":[0.5,0.5]`},
		{"infer while it loads", func(s *Server) { s.SetLoading("fraud") }, infer + goodRequest, 400, "not ready yet"},
		{"infer fails", func(s *Server) { s.SetFailure("CUDA out of memory") }, infer + goodRequest, 400, "CUDA out of memory"},
		{"slow", func(s *Server) { s.SetDelay(time.Millisecond) }, infer + goodRequest, 200, `"outputs"`},
		{"no JSON", nothing, infer + "{", 422, "not understood"},
		{"no inputs", nothing, infer + "{}", 400, "no inputs"},
		{"no shape", nothing, infer + `{"inputs": [{"name": "a", "datatype": "FP32", "data": [1]}]}`, 400, "needs a name"},
		{"too little data", nothing, infer + `{"inputs": [{"name": "a", "datatype": "FP32", "shape": [2], "data": [1]}]}`, 400, "not as much data"},
		{"negative shape", nothing, infer + `{"inputs": [{"name": "a", "datatype": "FP32", "shape": [-1, -2], "data": [1, 2]}]}`, 400, "not as much data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New("fraud", "churn")
			c.happens(s)
			line, body, hasBody := strings.Cut(c.request, "{")
			if hasBody {
				body = "{" + body
			}
			method, path, _ := strings.Cut(line, " ")
			w := ask(s, method, path, body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
				t.Errorf("answered %d %s\nwant     %d %s", w.Code, w.Body, c.status, c.body)
			}
		})
	}
	s := New("fraud")
	for _, c := range []struct {
		request string
		status  int
	}{{unload, 404}, {load, 200}} {
		method, path, _ := strings.Cut(c.request, " ")
		ask(s, method, path, "")
		if w := ask(s, http.MethodGet, "/v2/models/fraud/ready", ""); w.Code != c.status {
			t.Errorf("after %s it is ready: %d", c.request, w.Code)
		}
	}
	ask(s, http.MethodPost, "/v2/models/fraud/infer", goodRequest)
	if n := s.Inferences(); n != 1 {
		t.Errorf("%d inferences, not 1", n)
	}
}

// A client that gives up is not waited for.
func TestDelayEndsWithTheClient(t *testing.T) {
	s := New("fraud")
	s.SetDelay(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/v2/models/fraud/infer", strings.NewReader(goodRequest)))
	if w.Body.Len() > 0 {
		t.Errorf("answered %s", w.Body)
	}
}

// What it answers has the data that its shape says.
func TestOutput(t *testing.T) {
	w := ask(New("fraud"), http.MethodPost, "/v2/models/fraud/infer", goodRequest)
	var said struct{ Outputs []tensor }
	if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	if out := said.Outputs[0]; product(out.Shape) != count(out.Data) {
		t.Errorf("shape %v with %d elements", out.Shape, count(out.Data))
	}
}
