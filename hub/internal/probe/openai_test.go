package probe

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
)

func TestOpenAI(t *testing.T) {
	const list, chat, complete = "GET /v1/models", "POST /v1/chat/completions", "POST /v1/completions"
	well := script{list: on(200, `{"object": "list", "data": [{"id": "org/m"}, {"id": "n"}]}`), chat: on(200, `{"choices": [{}]}`)}
	models := Spec{Models: []string{"org/m"}}
	canary := func(body map[string]any) Spec { return Spec{Key: "geheim", Canary: &Canary{Model: "n", Body: body}} }
	slow := canary(nil)
	slow.Canary.Budget = time.Nanosecond
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
		{"slow", well, slow, health.Degraded, "n: inference took"},
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
