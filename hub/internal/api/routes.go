package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

// register registers a GET route whose parameters huma reads and whose answer it writes.
func register[I, O any](a *API, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	a.complete(&op)
	huma.Register(a.huma, op, h)
	for _, p := range a.huma.OpenAPI().Paths[op.Path].Get.Parameters {
		if len(p.Schema.Examples) > 0 {
			p.Example = p.Schema.Examples[0] // Huma sets it only in the schema, and the page shows that of the parameter.
		}
	}
}

// text describes an answer that is not JSON.
func text(contentType, description string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: description,
		Content:     map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
}
