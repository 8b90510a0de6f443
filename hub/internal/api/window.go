package api

import (
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// Series is the filters that all routes about requests take.
type Series struct {
	Service  string `query:"service" maxLength:"100" doc:"Only requests of this service." example:"orders"`
	Endpoint string `query:"endpoint" maxLength:"255" doc:"Only requests of this endpoint, a route template." example:"/users/{id}"`
	Method   string `query:"method" maxLength:"10" doc:"Only requests with this HTTP method." example:"GET"`
}

// Window is the span of time that an answer is about.
type Window struct {
	Minutes int    `query:"minutes" minimum:"1" maximum:"10080" doc:"The length of the window, which ends now; 1440 if neither minutes nor from is given. The end is rounded down by a few seconds, so that answers can be cached." example:"60"`
	From    string `query:"from" maxLength:"40" doc:"The first instant of the window, RFC 3339 or Unix ms; instead of minutes. The window is at most 168 h long." example:"2026-11-23T10:00:00Z"`
	To      string `query:"to" maxLength:"40" doc:"The first instant after the window, RFC 3339 or Unix ms; now by default. It requires from." example:"2026-11-23T12:00:00Z"`
}

// Range is the parameters of the routes for charts and lists.
type Range struct {
	Window
	Series
}

const (
	defaultMinutes = 1440
	maxWindow      = 168 * time.Hour
)

// given reports whether the caller gave a window.
func (w *Window) given() bool { return *w != Window{} }

// span returns the window. A relative one ends now, or a little before if rounded.
func (w *Window) span(now time.Time, rounded bool) (rollup.Window, error) {
	if w.Minutes > 0 && (w.From != "" || w.To != "") {
		return rollup.Window{}, wrongParam("minutes", "cannot be combined with from or to; give minutes, or from and to", w.Minutes)
	}
	if w.From == "" {
		if w.To != "" {
			return rollup.Window{}, wrongParam("to", "needs from, the first instant of the window", w.To)
		}
		length := time.Duration(w.Minutes) * time.Minute
		if length == 0 {
			length = defaultMinutes * time.Minute
		}
		to := now.UnixMilli()
		if rounded {
			to = rollup.StepOf(to, ttl(length).Milliseconds())
		}
		return rollup.Window{From: to - length.Milliseconds(), To: to}, nil
	}
	span := rollup.Window{To: now.UnixMilli()}
	var err error
	if span.From, err = instant("from", w.From); err != nil {
		return span, err
	}
	if w.To != "" {
		if span.To, err = instant("to", w.To); err != nil {
			return span, err
		}
	}
	switch {
	case span.From >= span.To:
		return span, wrongParam("from", "must be before the end of the window, which is to, or now", w.From)
	case span.To-span.From > maxWindow.Milliseconds():
		return span, wrongParam("from", "makes a window of more than 168 h; bring from and to closer together", w.From)
	}
	return span, nil
}

func length(w rollup.Window) time.Duration { return time.Duration(w.To-w.From) * time.Millisecond }

// instant reads RFC 3339 or Unix milliseconds.
func instant(name, s string) (int64, error) {
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		// A plus sign that was not escaped has become a space.
		t, err := time.Parse(time.RFC3339, strings.Replace(s, " ", "+", 1))
		if err != nil {
			return 0, wrongParam(name, "must be RFC 3339 with its zone, such as 2026-11-23T10:00:00Z, or Unix milliseconds", s)
		}
		ms = t.UnixMilli()
	}
	if ms < 0 || ms > wire.MaxStart {
		return 0, wrongParam(name, wire.StartProblem, s)
	}
	return ms, nil
}

// wrongParam returns the problem of one parameter, in the form that huma uses.
func wrongParam(name, message string, value any) error {
	detail := &huma.ErrorDetail{Location: "query." + name, Message: message, Value: value}
	return huma.Error422UnprocessableEntity(invalid, detail)
}

func (s *Series) filter() store.Filter {
	return store.Filter{Service: s.Service, Endpoint: s.Endpoint, Method: strings.ToUpper(s.Method)}
}
