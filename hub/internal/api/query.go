package api

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/kymohq/kymo/hub/internal/nearest"
)

// checkQuery refuses what huma ignores: unknown parameters, which may be misspelt,
// parameters given twice, and empty ones where an empty value has no meaning.
func (a *API) checkQuery(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	id := ctx.Operation().OperationID
	page := id == "root" || id == "docs" // others may add parameters to the address of a page
	probe := strings.HasPrefix(ctx.Operation().Path, healthPath)
	if r.URL.RawQuery == "" || page || probe {
		next(ctx)
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		writeProblem(w, http.StatusUnprocessableEntity, "the query cannot be read",
			&huma.ErrorDetail{Location: "query", Message: err.Error()})
		return
	}
	known := make(map[string]*huma.Param)
	var names []string
	for _, p := range ctx.Operation().Parameters {
		if p.In == "query" {
			known[p.Name] = p
			names = append(names, p.Name)
		}
	}
	var wrong []*huma.ErrorDetail
	for name, values := range query {
		if problem := checkParam(known[name], name, values, names); problem != "" {
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + name, Message: problem})
		}
	}
	if wrong != nil {
		writeProblem(w, http.StatusUnprocessableEntity, invalid+": "+wrong[0].Location+": "+wrong[0].Message, wrong...)
		return
	}
	next(ctx)
}

func checkParam(p *huma.Param, name string, values, known []string) string {
	switch {
	case p == nil && len(known) == 0:
		return "is not a known parameter; this route takes none"
	case p == nil:
		if near := nearest.Likely(name, known); near != "" {
			return fmt.Sprintf("is not a known parameter; did you mean %q?", near)
		}
		return "is not a known parameter; known are " + strings.Join(known, ", ")
	case len(values) > 1:
		return "is given more than once"
	case values[0] == "" && (p.Schema.Type != huma.TypeString || len(p.Schema.Enum) > 0):
		return "must not be empty; omit it for its default"
	}
	if p.Schema.Type == huma.TypeNumber { // NaN is within all bounds, and JSON has neither
		if v, err := strconv.ParseFloat(values[0], 64); err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
			return "must be a finite number"
		}
	}
	return ""
}
