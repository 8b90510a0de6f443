package probe

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/kymohq/kymo/health"
)

// maxTensors bounds what is read of an answer of a model server, in bytes.
const maxTensors = 8 << 20

// modelClient is what the protocols of model servers have in common.
type modelClient struct {
	*client
	base *url.URL
	// metrics are those of the server, in Prometheus' format; nil if none are known.
	metrics *url.URL
	hide    secrets
	spec    *Spec
	models  []string
	canary  *Canary
}

// errLimited is the verdict on a server that limits the rate of requests.
var errLimited = health.Degradedf("rate limited")

// ask sends a request. What means the same in all protocols is an error.
func (c *modelClient) ask(ctx context.Context, method string, to *url.URL, body []byte) (*answer, error) {
	a, err := c.do(ctx, method, to, body)
	if err != nil {
		return nil, err
	}
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, fault("the server rejects the key")
	case http.StatusTooManyRequests:
		return nil, errLimited
	}
	return a, nil
}

// get sends a GET request.
func (c *modelClient) get(ctx context.Context, from *url.URL) (*answer, error) {
	return c.ask(ctx, http.MethodGet, from, nil)
}

// infer sends the canary's request. Any status but 200 is an error.
func (c *modelClient) infer(ctx context.Context, to *url.URL, body []byte) (*answer, error) {
	a, err := c.ask(ctx, http.MethodPost, to, body)
	switch {
	case err != nil:
		return nil, err
	case a.status != http.StatusOK:
		return nil, c.refused("inference ", a)
	case a.more:
		return nil, fault("the answer to the inference is over 8 MiB; make a smaller one")
	}
	return a, nil
}

// refused describes an error that a server answered, with its message if
// there is one.
func (c *modelClient) refused(what string, a *answer) fault {
	text := what + a.outcome()
	if said := c.hide.show(errorMessage(a.body)); said != "" {
		text += ": " + said
	}
	return fault(text)
}

// errorMessage is the message in the body of an error, under the keys that model
// servers give it; "" if there is none.
func errorMessage(body []byte) string {
	var said map[string]any
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	for _, key := range []string{"error", "message", "detail"} {
		switch value := said[key].(type) {
		case string:
			return value
		case map[string]any: // OpenAI
			if message, ok := value["message"].(string); ok {
				return message
			}
		case []any: // MLServer, of a request that is not understood
			if len(value) > 0 {
				first, _ := value[0].(map[string]any)
				message, _ := first["msg"].(string)
				return message
			}
		}
	}
	return ""
}

// needBody is the error of a canary without a request.
func (c *modelClient) needBody(example string) error {
	if c.canary != nil && len(c.canary.Body) == 0 {
		return wrong("canary.body", "is missing; it is the request, like %s", example)
	}
	return nil
}

// encodeCanary returns the canary's request; nil if there is no canary.
func encodeCanary(c *Canary) ([]byte, error) {
	if c == nil {
		return nil, nil
	}
	body, err := json.Marshal(c.Body)
	if err != nil {
		return nil, wrong("canary.body", "has a value that JSON cannot express")
	}
	return body, nil
}

// endpoint is a URL under base. The path is as it goes over the wire, so that a
// name in it may hold a slash.
func endpoint(base *url.URL, path string) *url.URL {
	u := *base
	u.RawPath = strings.TrimRight(base.EscapedPath(), "/") + path
	u.Path, _ = url.PathUnescape(u.RawPath) // both parts are what an escaping made
	return &u
}

// modelURL is the endpoint of a model: before, its name, after.
func modelURL(base *url.URL, before, name, after string) *url.URL {
	return endpoint(base, before+url.PathEscape(name)+after)
}
