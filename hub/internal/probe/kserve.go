package probe

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
)

// kserve speaks the Open Inference Protocol, version 2, as KServe, Triton and
// MLServer do.
type kserve struct {
	*modelClient
	body []byte
}

func newKServe(c *modelClient) (modelServer, error) {
	if err := c.needBody(`{"inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}`); err != nil {
		return nil, err
	}
	const example = "http://host:8000?metrics=http://host:8002/metrics"
	var err error
	if c.metrics, err = c.urlOption("metrics", example); err != nil {
		return nil, err
	}
	if err := c.checkLoad("needs the server's metrics, which are on another port: url must look like " + example); err != nil {
		return nil, err
	}
	body, err := encodeCanary(c.canary)
	return &kserve{c, body}, err
}

// errLoading is the result for a server or a model that is not ready yet.
var errLoading = health.Degradedf("loading")

func (k *kserve) ready(ctx context.Context) error {
	a, err := k.get(ctx, endpoint(k.base, "/v2/health/ready"))
	if err != nil || a.status == http.StatusOK {
		return err
	}
	live, err := k.get(ctx, endpoint(k.base, "/v2/health/live"))
	switch {
	case err != nil:
		return err
	case live.status == http.StatusOK:
		return errLoading
	case live.status == http.StatusNotFound:
		return fault("the server does not speak the protocol: it has no /v2/health/live")
	}
	return k.refused("", a)
}

// model tells apart a model that is being loaded, one that failed, and one that is not there.
// The answers of the servers to "is it ready" do not: Triton and MLServer have one
// status for them all.
func (k *kserve) model(ctx context.Context, name string) error {
	a, err := k.get(ctx, modelURL(k.base, "/v2/models/", name, "/ready"))
	if err != nil || a.status == http.StatusOK {
		return err
	}
	if isUnknown(a) {
		return errUnknownModel
	}
	about, err := k.get(ctx, modelURL(k.base, "/v2/models/", name, ""))
	switch {
	case err != nil:
		return err
	case about.status == http.StatusOK, about.status == http.StatusServiceUnavailable:
		return errLoading
	case about.status == http.StatusNotFound, isUnknown(about):
		return errUnknownModel
	}
	return k.refused("", about)
}

const errUnknownModel = fault("the server has no such model")

// isUnknown reports whether an answer means that the server does not know a model, which some
// do with the status of a request that is wrong.
func isUnknown(a *answer) bool {
	said := strings.ToLower(errorMessage(a.body))
	return strings.Contains(said, "unknown model") || strings.Contains(said, "not found")
}

func (k *kserve) infer(ctx context.Context) ([]int, time.Duration, error) {
	a, err := k.modelClient.infer(ctx, modelURL(k.base, "/v2/models/", k.canary.Model, "/infer"), k.body)
	if err != nil {
		return nil, 0, err
	}
	var said struct {
		Outputs []struct {
			Shape []int `json:"shape"`
		} `json:"outputs"`
	}
	if json.Unmarshal(a.body, &said) != nil || len(said.Outputs) == 0 {
		return nil, 0, fault("the answer to the inference has no outputs")
	}
	return said.Outputs[0].Shape, a.took, nil
}
