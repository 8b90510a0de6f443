package probe

import (
	"testing"

	"github.com/kymohq/kymo/health"
)

func TestTFServing(t *testing.T) {
	const about, predict = "GET /v1/models/m", "POST /v1/models/m:predict"
	states := func(states ...string) answer {
		text := ""
		for _, s := range states {
			text += `,{"version": "1", "state": "` + s + `", "status": {"error_code": "OK", "error_message": "why"}}`
		}
		return on(200, `{"model_version_status": [`+text[1:]+`]}`)
	}
	well := script{about: states("AVAILABLE"), predict: on(200, `{"predictions": [[1, 2, 3]]}`)}
	models := Spec{Models: []string{"m"}}
	canary := func(shape ...int) Spec {
		return Spec{Canary: &Canary{Model: "m", Body: map[string]any{"instances": []int{1}}, Shape: shape}}
	}
	testModels(t, "tfserving", []modelCase{
		{"well", well, models, health.Healthy, ""},
		{"a new version is loading", well.with(about, states("LOADING", "AVAILABLE")), models, health.Healthy, ""},
		{"starting", well.with(about, states("START")), models, health.Degraded, "m: loading"},
		{"loading", well.with(about, states("END", "LOADING")), models, health.Degraded, "m: loading"},
		{"at its end", well.with(about, states("END")), models, health.Down, "m: the model is in state END: why"},
		{"unknown", script{}, models, health.Down, "m: the server has no such model"},
		{"broken", well.with(about, on(500, `{"error": "x"}`)), models, health.Down, "m: answered 500 Internal Server Error: x"},
		{"no versions", well.with(about, on(200, `{}`)), models, health.Down, "lists no version"},
		{"inference", well, canary(1, 3), health.Healthy, ""},
		{"in columns", well.with(predict, on(200, `{"outputs": [[1], [2]]}`)), canary(2, 1), health.Healthy, ""},
		{"in one named column", well.with(predict, on(200, `{"outputs": {"scores": [[1], [2]]}}`)), canary(2, 1), health.Healthy, ""},
		{"another shape", well, canary(3), health.Down, "m: output shape is [1,3], not [3]"},
		{"no predictions", well.with(predict, on(200, `{}`)), canary(), health.Down, "has no predictions"},
		{"no JSON", well.with(predict, on(200, `{`)), canary(), health.Down, "has no predictions"},
		{"an error", well.with(predict, on(400, `{"error": "wrong input"}`)), canary(), health.Down, "inference answered 400 Bad Request: wrong input"},
	})
}
