package maintenance

import (
	"encoding/json"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

// Series is the name of the check as whose results the spans are stored that were in
// force. No check may have it.
const Series = "kymo-maintenance"

// details are those of such a result.
type details struct {
	Window  string `json:"window"`
	Service string `json:"service,omitempty"`
	Check   string `json:"check,omitempty"`
}

// Row returns the result as which a part of a span is stored. It is at most wire.MaxSpan
// long.
func (s *Span) Row(from, to int64) wire.HealthResult {
	text, _ := json.Marshal(details{s.Name, s.Where.Service, s.Where.Check}) // of texts
	return wire.HealthResult{Check: Series, Status: health.Healthy, From: from, To: to, Details: string(text)}
}

// OfRow returns the span that a result has, and whether it has one.
func OfRow(r *wire.HealthResult) (s Span, ok bool) {
	var d details
	if r.Service != "" || r.Check != Series || json.Unmarshal([]byte(r.Details), &d) != nil || d.Window == "" {
		return Span{}, false
	}
	return Span{Name: d.Window, Where: Where{Service: d.Service, Check: d.Check}, From: r.From, To: r.To}, true
}
