package probe

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
)

func TestOpenAI(t *testing.T) {
	const list, chat, complete, embed = "GET /v1/models", "POST /v1/chat/completions", "POST /v1/completions", "POST /v1/embeddings"
	well := script{list: on(200, `{"object": "list", "data": [{"id": "org/m"}, {"id": "n"}]}`), chat: on(200, `{"choices": [{}]}`)}
	models := Spec{Models: []string{"org/m"}}
	canary := func(body map[string]any) Spec { return Spec{Key: "geheim", Canary: &Canary{Model: "n", Body: body}} }
	slow := canary(nil)
	slow.Canary.Budget = time.Nanosecond
	vector := func(shape ...int) Spec {
		return Spec{Canary: &Canary{Model: "n", Body: map[string]any{"input": "Hello"}, Shape: shape}}
	}
	under := models
	under.URL = "/v1/"
	testModels(t, "openai", []modelCase{
		{"well", well, models, health.Healthy, ""},
		{"the list alone", well, Spec{}, health.Healthy, ""},
		{"a URL with the version", well, under, health.Healthy, ""},
		{"not listed", well, Spec{Models: []string{"n", "other"}}, health.Down, "other: the server has no such model"},
		{"no models", well.with(list, on(200, `{"data": []}`)), models, health.Down, "no such model"},
		{"no list", well.with(list, on(200, `{}`)), models, health.Down, "the answer to /v1/models is not a list of models"},
		{"broken", well.with(list, on(500, `{"error": {"message": "AUTH"}}`)), canary(nil), health.Down, "answered 500 Internal Server Error: Bearer ***"},
		{"limited", well.with(list, on(429, "")), models, health.Degraded, "rate limited"},
		{"inference", well, canary(nil), health.Healthy, ""},
		{"another inference", well.with(complete, on(200, `{"choices": [{}]}`)).with(chat, on(500, "")), canary(map[string]any{"prompt": "Hello"}), health.Healthy, ""},
		{"no choices", well.with(chat, on(200, `{"choices": []}`)), canary(nil), health.Down, "n: the answer to the inference has no choices"},
		{"an inference is refused", well.with(chat, on(400, `{"error": {"message": "no: SENT"}}`)), canary(map[string]any{"n": "geheim"}), health.Down, `n: inference answered 400 Bad Request`},
		{"an inference is limited", well.with(chat, on(429, "")), canary(nil), health.Degraded, "n: rate limited"},
		{"an inference is too dear", well.with(chat, on(401, "")), canary(nil), health.Down, "n: the server rejects the key"},
		{"an embedding", well.with(embed, on(200, `{"data": [{"embedding": [0.1, 0.2, 0.3]}]}`)), vector(1, 3), health.Healthy, ""},
		{"an embedding as a text", well.with(embed, on(200, `{"data": [{"embedding": "AAAA"}]}`)), vector(1), health.Healthy, ""},
		{"a shorter embedding", well.with(embed, on(200, `{"data": [{"embedding": [0.1]}]}`)), vector(1, 3), health.Down, "n: output shape is [1,1], not [1,3]"},
		{"no embedding", well.with(embed, on(200, `{"data": [{}]}`)), vector(), health.Down, "n: the answer to the inference has no embedding"},
		{"slow", well, slow, health.Degraded, "n: inference took"},
	})
}

// The engine behind the list of models has a health of its own. Servers that may call paid
// models for it are not asked.
func TestOpenAIEngine(t *testing.T) {
	const list, engine = "GET /v1/models", "GET /health"
	owned := func(by string) script {
		return script{list: on(200, `{"data": [{"id": "org/m", "owned_by": "`+by+`"}]}`), engine: on(200, "")}
	}
	models := Spec{Models: []string{"org/m"}}
	for name, s := range map[string]script{"vLLM": owned("vllm"), "SGLang": owned("sglang"), "llama.cpp": owned("llamacpp"), "TGI": owned("org/m")} {
		testModels(t, "openai", []modelCase{
			{name, s, models, health.Healthy, ""},
			{name + " dead", s.with(engine, on(503, "")), models, health.Down, "/health answered 503 Service Unavailable"},
			{name + " without", s.with(engine, on(404, "")), models, health.Healthy, ""},
			{name + " for others", s.with(engine, on(401, "")), models, health.Healthy, ""},
		})
	}
	testModels(t, "openai", []modelCase{
		{"TGI's words", owned("org/m").with(engine, on(503, `{"error": "unhealthy", "error_type": "healthcheck"}`)), models, health.Down,
			"/health answered 503 Service Unavailable: unhealthy"},
		{"llama.cpp's words", owned("llamacpp").with(engine, on(503, `{"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}`)), models,
			health.Degraded, "loading"},
		{"a proxy", owned("openai").with(engine, on(503, "")), models, health.Healthy, ""},
		{"no owner", owned("").with(engine, on(503, "")), models, health.Healthy, ""},
	})
}

// The inference that is made unless another is configured costs one token.
func TestOpenAIRequest(t *testing.T) {
	sent := make(chan string, 1)
	s := web(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			says(200, `{"data": [{"id": "m"}]}`)(w, r)
			return
		}
		body := new(strings.Builder)
		_ = r.Write(body)
		sent <- body.String()
		says(200, `{"choices": [1]}`)(w, r)
	})
	for _, c := range []struct {
		body map[string]any
		want string
	}{
		{nil, `{"max_tokens":1,"messages":[{"content":"Hello","role":"user"}],"model":"m","temperature":0}`},
		{map[string]any{"prompt": "a", "model": "alias"}, `{"model":"alias","prompt":"a"}`},
	} {
		wantHealthy(t, openProbe(t, Spec{Type: "openai", URL: s.URL, Key: "geheim", Canary: &Canary{Model: "m", Body: c.body}}))
		if got := <-sent; !strings.HasSuffix(got, c.want) || !strings.Contains(got, "Authorization: Bearer geheim\r\n") {
			t.Errorf("sent %s\nwant %s", got, c.want)
		}
	}
}
