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
	listed []string // models, in this run
}

func newOpenAI(c *modelClient) (modelServer, error) {
	o := &openAI{modelClient: c}
	c.base = endpoint(c.base, "")
	c.base.RawPath = strings.TrimSuffix(c.base.RawPath, "/v1")
	c.base.Path = strings.TrimSuffix(c.base.Path, "/v1")
	if c.canary == nil {
		return o, nil
	}
	if len(c.canary.Shape) > 0 {
		return nil, wrong("canary.shape", "is not for openai: the answer is a text; leave it out")
	}
	body := maps.Clone(c.canary.Body)
	if len(body) == 0 {
		body = map[string]any{
			"messages": []any{map[string]any{"role": "user", "content": "Hello"}}, "max_tokens": 1, "temperature": 0,
		}
	}
	if body["model"] == nil {
		body["model"] = c.canary.Model
	}
	o.to = endpoint(c.base, "/v1/chat/completions")
	if body["prompt"] != nil {
		o.to = endpoint(c.base, "/v1/completions")
	}
	var err error
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
			ID string `json:"id"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &said) != nil || said.Data == nil {
		return fault("the answer to /v1/models is not a list of models")
	}
	o.listed = []string{}
	for _, m := range said.Data {
		o.listed = append(o.listed, m.ID)
	}
	return nil
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
	var said struct {
		Choices []json.RawMessage `json:"choices"`
	}
	if json.Unmarshal(a.body, &said) != nil || len(said.Choices) == 0 {
		return nil, 0, fault("the answer to the inference has no choices")
	}
	return nil, a.took, nil
}
