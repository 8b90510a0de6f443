package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/kymohq/kymo/health"
)

// torchServe speaks TorchServe's inference API and, if the URL has ?management=…,
// its management API, which is on another port and knows about models.
type torchServe struct {
	*modelClient
	management *url.URL // nil if there is none
	body       []byte
	waiting    *float64 // requests of all models, in this run; nil if none says
}

func newTorchServe(c *modelClient) (modelServer, error) {
	t := &torchServe{modelClient: c}
	var err error
	if t.management, err = c.urlOption("management", "http://host:8080?management=http://host:8081"); err != nil {
		return nil, err
	}
	if t.management == nil && len(c.spec.Models) > 0 {
		return nil, wrong("models", "need the management API, which knows them: add ?management=http://host:8081 to url, or leave models out")
	}
	if err := c.needBody(`{"data": [1, 2, 3]}`); err != nil {
		return nil, err
	}
	if err := c.checkLoad(""); err != nil {
		return nil, err
	}
	if c.spec.MaxQueue > 0 && len(c.models) == 0 {
		return nil, wrong("max_queue", "needs models, whose queues the management API knows: list them, and add ?management=http://host:8081 to url")
	}
	t.body, err = encodeCanary(c.canary)
	return t, err
}

func (t *torchServe) ready(ctx context.Context) error {
	t.waiting = nil
	a, err := t.get(ctx, endpoint(t.base, "/ping"))
	if err != nil {
		return err
	}
	var said struct {
		Status string `json:"status"`
	}
	_ = json.Unmarshal(a.body, &said)
	switch {
	case said.Status == "Healthy" && a.status == http.StatusOK:
		return nil
	case said.Status == "Partial Healthy":
		return health.Degradedf("some models have fewer workers than they should")
	case said.Status != "":
		return fault("the server says " + t.hide.show(said.Status))
	case a.status == http.StatusOK:
		return fault("the answer to /ping has no status")
	}
	return t.refused("", a)
}

func (t *torchServe) model(ctx context.Context, name string) error {
	if t.management == nil {
		return nil // the inference tells
	}
	a, err := t.get(ctx, modelURL(t.management, "/models/", name, ""))
	switch {
	case err != nil:
		return err
	case a.status == http.StatusNotFound:
		return errUnknownModel
	case a.status != http.StatusOK:
		return t.refused("", a)
	}
	var versions []struct {
		Workers []struct {
			Status string `json:"status"`
		} `json:"workers"`
		Queue struct {
			Pending *float64 `json:"pendingRequests"` // nil before version 0.9
		} `json:"jobQueueStatus"`
	}
	if json.Unmarshal(a.body, &versions) != nil || len(versions) == 0 {
		return fault("the management API does not list workers")
	}
	if pending := versions[0].Queue.Pending; pending != nil {
		if t.waiting == nil {
			t.waiting = new(float64)
		}
		*t.waiting += *pending
	}
	workers := versions[0].Workers // of the default version, which is the only one asked for
	ready := 0
	for _, w := range workers {
		if w.Status == "READY" {
			ready++
		}
	}
	switch {
	case len(workers) == 0:
		return fault("no workers")
	case ready == 0:
		return errLoading
	case ready < len(workers):
		return health.Degradedf("%d of %d workers are ready", ready, len(workers))
	}
	return nil
}

// load is what the models reported.
func (t *torchServe) load(context.Context) (modelLoad, error) {
	return modelLoad{queue: t.waiting}, nil
}

func (t *torchServe) infer(ctx context.Context) ([]int, time.Duration, error) {
	a, err := t.modelClient.infer(ctx, modelURL(t.base, "/predictions/", t.canary.Model, ""), t.body)
	if err != nil {
		return nil, 0, err
	}
	if len(t.canary.Shape) == 0 { // the answer may be a text, or an image
		return nil, a.took, nil
	}
	v, err := decodeJSON(a.body)
	if err != nil {
		return nil, 0, fault(fmt.Sprintf("the answer to the inference is not JSON, so it has no shape %s", shapeText(t.canary.Shape)))
	}
	return shapeOf(v), a.took, nil
}
