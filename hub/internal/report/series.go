package report

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

// Columns are numbers over time, one for each step of a window. A duration is
// null where there are no requests.
type Columns struct {
	Window Span    `json:"window"`
	At     []int64 `json:"at" nullable:"false" doc:"When each step begins, Unix ms: the multiples of the step. The first step and the last may lie in the window only in part." example:"[1795348800000,1795349700000]"`

	Requests     []uint64 `json:"requests" nullable:"false" doc:"How many requests started in each step." example:"[120,98]"`
	Errors       []uint64 `json:"errors" nullable:"false" doc:"How many of them were answered with 5xx or by a panic." example:"[1,0]"`
	ClientErrors []uint64 `json:"client_errors" nullable:"false" doc:"How many of them were answered with 4xx, other than 499." example:"[4,2]"`

	P50 []*float64 `json:"p50" nullable:"false" doc:"Median duration in each step, ms; null where there are no requests." example:"[25.1,24.7]"`
	P95 []*float64 `json:"p95" nullable:"false" doc:"95th percentile of the duration, ms, or null." example:"[30.6,26.1]"`
	P99 []*float64 `json:"p99" nullable:"false" doc:"99th percentile of the duration, ms, or null." example:"[31.2,26.3]"`
	Max []*float64 `json:"max" nullable:"false" doc:"Longest duration, ms, exactly, or null." example:"[31.4,26.4]"`
	Avg []*float64 `json:"avg" nullable:"false" doc:"Mean duration, ms, or null." example:"[25.7,24.8]"`

	Statuses map[string][]uint64 `json:"statuses" doc:"How many requests were answered with each status code in each step; of more than 20 codes, the rarest together as other."`
	Total    Total               `json:"total"`
	Trust    Trust               `json:"trust"`
}

// Series is the columns of a window and, if asked for, of the one before it.
type Series struct {
	Columns
	Step     int64    `json:"step" doc:"The length of a step, in seconds." example:"900"`
	Previous *Columns `json:"previous,omitempty" doc:"The same for the window of the same length just before, with its own times; if asked for, and if all of it is known."`

	KnownFrom int64 `json:"known_from" doc:"Approximately the first instant for which the hub has requests of any service, Unix ms, or now if it has none. What happened before is unknown." example:"1795348800000"`
}

// Total is the numbers of a window as a whole.
type Total struct {
	Requests        uint64  `json:"requests" doc:"How many requests started in the window." example:"218"`
	Errors          uint64  `json:"errors" doc:"How many were answered with 5xx or by a panic." example:"1"`
	ClientErrors    uint64  `json:"client_errors" doc:"How many were answered with 4xx, other than 499." example:"6"`
	ErrorRate       float64 `json:"error_rate" minimum:"0" maximum:"1" doc:"Share of errors." example:"0.0046"`
	ClientErrorRate float64 `json:"client_error_rate" minimum:"0" maximum:"1" doc:"Share of client errors." example:"0.0275"`
	Rate            float64 `json:"rate" doc:"Requests a second, over as much of the window as the hub knows." example:"0.121"`

	Avg *float64 `json:"avg" doc:"Mean duration, ms; null without requests." example:"25.3"`
	Percentiles

	Apdex            *float64 `json:"apdex" doc:"(satisfied + tolerating/2) / all: satisfied within the threshold, tolerating within four times the threshold, errors never; null without requests." example:"0.995"`
	ApdexThreshold   float64  `json:"apdex_threshold" doc:"The threshold, ms: the target for slow endpoints, that of the endpoint if one is asked for." example:"500"`
	InsufficientData bool     `json:"insufficient_data" doc:"Whether there are fewer requests than the minimum sample: too few to judge by percentiles." example:"false"`
}

// ReadColumns makes columns of the rollups of a window by step (milliseconds).
// The Apdex uses the target of the endpoint, or the target of all if endpoint is
// empty; rates are over the time after the instant known (Unix ms). Any error is
// the iterator's.
func ReadColumns(rollups iter.Seq2[*rollup.Rollup, error], w rollup.Window, millis int64, slow *Slow, endpoint string, known int64) (*Columns, error) {
	at := starts(w, millis)
	n := len(at)
	counts := func() []uint64 { return make([]uint64, n) }
	values := func() []*float64 { return make([]*float64, n) }
	c := &Columns{
		Window: Span(w), At: at, Requests: counts(), Errors: counts(), ClientErrors: counts(),
		P50: values(), P95: values(), P99: values(), Max: values(), Avg: values(),
	}
	statuses := make(map[int][]uint64)
	total, err := eachStep(rollups, w, millis, func(i int, s *step) {
		c.Requests[i], c.Errors[i], c.ClientErrors[i] = s.requests, s.errors, s.clientErrors
		for code, n := range s.statuses {
			if statuses[code] == nil {
				statuses[code] = counts()
			}
			statuses[code][i] = n
		}
		var p Percentiles
		c.Avg[i], p = percentiles(&s.all)
		c.P50[i], c.P95[i], c.P99[i], c.Max[i] = p.P50, p.P95, p.P99, p.Max
	})
	if err != nil {
		return nil, err
	}
	c.Statuses = named(statuses, total.statuses)
	w.From = max(w.From, known)
	c.Total = total.total(w, slow, endpoint)
	c.Trust = total.trust(slow)
	return c, nil
}

func (s *step) total(w rollup.Window, slow *Slow, endpoint string) Total {
	target := slow.target(endpoint)
	avg, p := percentiles(&s.all)
	t := Total{
		Requests: s.requests, Errors: s.errors, ClientErrors: s.clientErrors,
		ErrorRate: s.rate(s.errors), ClientErrorRate: s.rate(s.clientErrors),
		Avg: avg, Percentiles: p,
		Apdex: apdex(&s.all, &s.failed, target), ApdexThreshold: ms(float64(target)),
		InsufficientData: s.requests < slow.minSamples(),
	}
	if length := time.Duration(w.To-w.From) * time.Millisecond; length > 0 {
		t.Rate = float64(s.requests) / length.Seconds()
	}
	return t
}

// maxStatuses is how many status codes get a column of their own.
const maxStatuses = 20

// named returns the columns of the statuses by name, with the rarest of many
// in one.
func named(columns map[int][]uint64, total map[int]uint64) map[string][]uint64 {
	codes := make([]int, 0, len(total))
	for code := range total {
		codes = append(codes, code)
	}
	slices.SortFunc(codes, func(a, b int) int { return cmp.Or(cmp.Compare(total[b], total[a]), cmp.Compare(a, b)) })
	byName := make(map[string][]uint64, len(codes))
	for i, code := range codes {
		if i < maxStatuses {
			byName[strconv.Itoa(code)] = columns[code]
			continue
		}
		if byName["other"] == nil {
			byName["other"] = make([]uint64, len(columns[code]))
		}
		for at, n := range columns[code] {
			byName["other"][at] += n
		}
	}
	return byName
}
