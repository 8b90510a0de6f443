package probe

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// tfServing speaks the REST API of TensorFlow Serving, which knows of models alone.
type tfServing struct {
	*modelClient
	body []byte
}

func newTFServing(c *modelClient) (modelServer, error) {
	if len(c.models) == 0 {
		return nil, wrong("models", "is missing: TensorFlow Serving reports on models, not on itself; name at least one")
	}
	if err := c.needBody(`{"instances": [[1, 2, 3, 4]]}`); err != nil {
		return nil, err
	}
	body, err := encodeCanary(c.canary)
	return &tfServing{c, body}, err
}

func (t *tfServing) ready(context.Context) error { return nil }

// model is ready if a version is: the others are being loaded or unloaded.
func (t *tfServing) model(ctx context.Context, name string) error {
	a, err := t.get(ctx, modelURL(t.base, "/v1/models/", name, ""))
	switch {
	case err != nil:
		return err
	case a.status == http.StatusNotFound:
		return errUnknownModel
	case a.status != http.StatusOK:
		return t.refused("", a)
	}
	var said struct {
		Versions []struct {
			State  string `json:"state"`
			Status struct {
				Message string `json:"error_message"`
			} `json:"status"`
		} `json:"model_version_status"`
	}
	if json.Unmarshal(a.body, &said) != nil || len(said.Versions) == 0 {
		return fault("the answer lists no version of the model")
	}
	var states []string
	for _, v := range said.Versions {
		states = append(states, v.State)
	}
	switch {
	case slices.Contains(states, "AVAILABLE"):
		return nil
	case slices.Contains(states, "START"), slices.Contains(states, "LOADING"):
		return errLoading
	}
	text := "the model is in state " + t.hide.show(states[0])
	if why := t.hide.show(said.Versions[0].Status.Message); why != "" {
		text += ": " + why
	}
	return fault(text)
}

func (t *tfServing) infer(ctx context.Context) ([]int, time.Duration, error) {
	a, err := t.modelClient.infer(ctx, modelURL(t.base, "/v1/models/", t.canary.Model, ":predict"), t.body)
	if err != nil {
		return nil, 0, err
	}
	v, err := decodeJSON(a.body)
	said, _ := v.(map[string]any)
	predictions, rows := said["predictions"]
	outputs, columns := said["outputs"]
	switch {
	case err != nil || !rows && !columns:
		return nil, 0, fault("the answer to the inference has no predictions")
	case rows:
		return shapeOf(predictions), a.took, nil
	}
	if named, ok := outputs.(map[string]any); ok && len(named) == 1 {
		for _, only := range named {
			return shapeOf(only), a.took, nil
		}
	}
	return shapeOf(outputs), a.took, nil
}
