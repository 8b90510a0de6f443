package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

func TestWindows(t *testing.T) {
	now := noon.Add(17*time.Second + 345*time.Millisecond)
	ms := func(clock string) int64 {
		at, err := time.Parse("2006-01-02T15:04:05.999", "2026-11-"+clock)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMilli()
	}
	for _, c := range []struct {
		asked    Window
		rounded  bool
		from, to int64
	}{
		{Window{}, false, ms("22T12:00:17.345"), ms("23T12:00:17.345")},
		{Window{}, true, ms("22T12:00:15"), ms("23T12:00:15")},
		{Window{Minutes: 60}, true, ms("23T11:00:16"), ms("23T12:00:16")},
		{Window{Minutes: 10080}, true, ms("16T12:00:15"), ms("23T12:00:15")},
		{Window{From: "2026-11-23T10:00:00Z"}, true, ms("23T10:00:00"), ms("23T12:00:17.345")},
		{Window{From: "2026-11-23T11:00:00 01:00", To: "2026-11-23T11:00:00.5+01:00"}, true, ms("23T10:00:00"), ms("23T10:00:00.5")},
		{Window{From: fmt.Sprint(ms("23T10:00:00")), To: fmt.Sprint(ms("23T10:00:01"))}, false, ms("23T10:00:00"), ms("23T10:00:01")},
	} {
		got, err := c.asked.span(now, c.rounded)
		if want := (rollup.Window{From: c.from, To: c.to}); err != nil || got != want {
			t.Errorf("%+v: %v, %v; want %v", c.asked, got, err, want)
		}
	}
}

func TestWindowsThatAreRefused(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	for query, want := range map[string][2]string{
		"minutes=0":                         {"query.minutes", "1"},
		"minutes=10081":                     {"query.minutes", "10080"},
		"minutes=60&from=1":                 {"query.minutes", "give minutes, or from and to"},
		"minutes=60&to=1":                   {"query.minutes", "give minutes, or from and to"},
		"to=2026-11-23T10:00:00Z":           {"query.to", "needs from"},
		"from=yesterday":                    {"query.from", "RFC 3339"},
		"from=2026-11-23T10:00:00":          {"query.from", "with its zone"},
		"from=-1":                           {"query.from", "1970"},
		"from=99999999999999999":            {"query.from", "1970"},
		"from=2026-11-23T12:00:00Z":         {"query.from", "must be before"},
		"from=2026-11-23T10:00:00Z&to=noon": {"query.to", "RFC 3339"},
		"from=2000&to=2000":                 {"query.from", "must be before"},
		"from=0&to=604800001":               {"query.from", "168 h"},
		"from=0":                            {"query.from", "168 h"},
		"minutes=1&minute=1":                {"query.minute", `did you mean "minutes"?`},
	} {
		for _, path := range []string{
			"/metrics/performance?", "/metrics/endpoints?", "/api/v1/timeseries?", "/api/v1/heatmap?", "/api/v1/requests?", "/api/v1/requests/export?", "/api/v1/users?",
		} {
			p := problem(t, ask(a, "GET "+path+query, ""), http.StatusUnprocessableEntity)
			wrongAt(t, p, want[0], want[1])
		}
	}
	for _, path := range []string{"/metrics/performance", "/metrics/endpoints"} {
		p := problem(t, ask(a, "GET "+path+"?hours=24&minutes=60", ""), http.StatusUnprocessableEntity)
		if wrongAt(t, p, "query.hours", "give hours alone"); len(p.Errors) != 1 {
			t.Errorf("%s: %+v", path, p.Errors)
		}
	}
	for query, want := range map[string][2]string{
		"/api/v1/timeseries?step=7":              {"query.step", "10"},
		"/api/v1/timeseries?step=15":             {"query.step", "must be one of 10, 30"},
		"/api/v1/heatmap?minutes=10080&step=300": {"query.step", "the shortest that does not is 900"},
		"/api/v1/timeseries?previous=maybe":      {"query.previous", "boolean"},
		"/api/v1/requests?status=6":              {"query.status", "a class such as 5xx"},
		"/api/v1/requests?status=5XX":            {"query.status", "a class such as 5xx"},
		"/api/v1/requests?min_ms=-1":             {"query.min_ms", "0"},
		"/api/v1/requests?min_ms=NaN":            {"query.min_ms", "must be a finite number"},
		"/api/v1/requests?min_ms=%2BInf":         {"query.min_ms", "must be a finite number"},
		"/api/v1/requests?order=oldest":          {"query.order", "newest"},
		"/api/v1/requests?limit=1001":            {"query.limit", "1000"},
		"/api/v1/requests?cursor=nonsense":       {"query.cursor", "not a cursor of this route"},
		"/api/v1/requests/export?format=xlsx":    {"query.format", "csv"},
		"/api/v1/requests/export?limit=1000001":  {"query.limit", "1e+06"},
		"/api/v1/requests/export?cursor=x":       {"query.cursor", "not a known parameter"},
		"/api/v1/users?limit=101":                {"query.limit", "100"},
		"/api/v1/cardinality?limit=1":            {"query.limit", "takes none"},
		"/api/v1/session?token=1":                {"query.token", "takes none"},
	} {
		wrongAt(t, problem(t, ask(a, "GET "+query, ""), http.StatusUnprocessableEntity), want[0], want[1])
	}
}

// Without a step, there are about a hundred of them.
func TestSteps(t *testing.T) {
	for minutes, want := range map[int64]int64{1: 10, 20: 10, 21: 30, 60: 30, 120: 60, 121: 300, 360: 300, 1440: 900, 4320: 3600, 10080: 7200} {
		w := rollup.Window{From: 0, To: minutes * 60_000}
		got, err := (&Stepped{}).millis(w)
		if err != nil || got != want*1000 || (w.To-w.From)/got > defaultSteps {
			t.Errorf("%d minutes: steps of %d ms, %v; want %d s", minutes, got, err, want)
		}
	}
}
