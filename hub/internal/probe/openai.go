package probe

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// openAI speaks the API of OpenAI, as vLLM, Ollama, llama.cpp and others do too.
type openAI struct {
	*modelClient
	body   []byte
	to     *url.URL // where the canary goes
	embeds bool     // the canary asks for an embedding
	listed []string // models, in this run
}

// selfHosted are the owners of models in the lists of servers whose /health tells whether
// the engine behind the list works. Others are not asked: a proxy may call all of its paid
// models for an answer.
var selfHosted = []string{"vllm", "sglang", "llamacpp"}

func newOpenAI(c *modelClient) (modelServer, error) {
	o := &openAI{modelClient: c}
	c.base = endpoint(c.base, "")
	c.base.RawPath = strings.TrimSuffix(c.base.RawPath, "/v1")
	c.base.Path = strings.TrimSuffix(c.base.Path, "/v1")
	var err error
	if c.metrics, err = c.urlOption("metrics", "http://host:8000?metrics=http://host:8000/metrics"); err != nil {
		return nil, err
	}
	if c.metrics == nil {
		c.metrics = endpoint(c.base, "/metrics")
	}
	if err := c.checkLoad(""); err != nil {
		return nil, err
	}
	if c.canary == nil {
		return o, nil
	}
	body := maps.Clone(c.canary.Body)
	o.embeds = body["input"] != nil && body["messages"] == nil
	if len(c.canary.Shape) > 0 && !o.embeds {
		return nil, wrong("canary.shape", "is not for openai: the answer is a text; leave it out")
	}
	if len(body) == 0 {
		body = map[string]any{
			"messages": []any{map[string]any{"role": "user", "content": "Hello"}}, "max_tokens": 1, "temperature": 0,
		}
	}
	if body["model"] == nil {
		body["model"] = c.canary.Model
	}
	switch {
	case o.embeds:
		o.to = endpoint(c.base, "/v1/embeddings")
	case body["prompt"] != nil:
		o.to = endpoint(c.base, "/v1/completions")
	default:
		o.to = endpoint(c.base, "/v1/chat/completions")
	}
	o.body, err = encodeCanary(&Canary{Body: body})
	return o, err
}

func (o *openAI) ready(ctx context.Context) error {
	o.listed = nil
	a, err := o.get(ctx, endpoint(o.base, "/v1/models"))
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return o.refused("", a)
	}
	var said struct {
		Data []struct {
			ID    string `json:"id"`
			Owner string `json:"owned_by"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &said) != nil || said.Data == nil {
		return fault("the answer to /v1/models is not a list of models")
	}
	o.listed = []string{}
	engine := false
	for _, m := range said.Data {
		o.listed = append(o.listed, m.ID)
		// TGI names the model as its own owner.
		engine = engine || slices.Contains(selfHosted, m.Owner) || m.Owner == m.ID && m.ID != ""
	}
	if engine {
		return o.engine(ctx)
	}
	return nil
}

// engine asks for the health of what computes the answers, which the server's list of
// models does not depend on.
func (o *openAI) engine(ctx context.Context) error {
	a, err := o.do(ctx, http.MethodGet, endpoint(o.base, "/health"), nil)
	switch {
	case err != nil:
		return err
	case a.status < 500 || a.status == http.StatusNotImplemented: // it has none, or not for us
		return nil
	case strings.Contains(strings.ToLower(errorMessage(a.body)), "loading"):
		return errLoading
	}
	return o.refused("/health ", a)
}

func (o *openAI) model(_ context.Context, name string) error {
	switch {
	case o.listed == nil: // or ready would have said that it is down
		return errLimited
	case !slices.Contains(o.listed, name):
		return errUnknownModel
	}
	return nil
}

func (o *openAI) infer(ctx context.Context) ([]int, time.Duration, error) {
	a, err := o.modelClient.infer(ctx, o.to, o.body)
	if err != nil {
		return nil, 0, err
	}
	if o.embeds {
		return o.embedding(a)
	}
	var said struct {
		Choices []json.RawMessage `json:"choices"`
	}
	if json.Unmarshal(a.body, &said) != nil || len(said.Choices) == 0 {
		return nil, 0, fault("the answer to the inference has no choices")
	}
	return nil, a.took, nil
}

// embedding returns the shape of an answer with embeddings: how many, and how long one is.
func (o *openAI) embedding(a *answer) ([]int, time.Duration, error) {
	var said struct {
		Data []struct {
			Embedding json.RawMessage `json:"embedding"` // or a text, with encoding_format: base64
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &said) != nil || len(said.Data) == 0 || len(said.Data[0].Embedding) == 0 {
		return nil, 0, fault("the answer to the inference has no embedding")
	}
	shape := []int{len(said.Data)}
	var numbers []float64
	if json.Unmarshal(said.Data[0].Embedding, &numbers) == nil {
		shape = append(shape, len(numbers))
	}
	return shape, a.took, nil
}
