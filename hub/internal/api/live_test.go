package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// TestARequestEndsByWhatItBeganWith: a token that is replaced while it is exchanged for a
// session does not yield a session of the new one.
func TestARequestEndsByWhatItBeganWith(t *testing.T) {
	var a *API
	now := func() time.Time { return noon }
	a = newAPI(storetest.NewOracle(), func(c *Config) {
		c.Tokens = Tokens{Read: "old"}
		c.Now = func() time.Time { return now() }
	})
	now = func() time.Time { // once the token was found to be right
		a.Apply(Settings{Slow: &report.Slow{}, Tokens: Tokens{Read: "new"}})
		return noon
	}
	cookie := signIn(t, a, "old")
	if w := ask(a, "GET /metrics", "", "Cookie", cookie); w.Code != http.StatusUnauthorized {
		t.Errorf("with a session of the old token: %d", w.Code)
	}
	if w := ask(a, "GET /metrics", "", "Cookie", signIn(t, a, "new")); w.Code != http.StatusOK {
		t.Errorf("with one of the new token: %d", w.Code)
	}
}

// TestApplyLeavesNoAnswerBehind: answers cached under the previous configuration are not
// used.
func TestApplyLeavesNoAnswerBehind(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	fill(t, a)
	for _, route := range []string{"/metrics/performance?minutes=10000", "/metrics/endpoints?minutes=10000", "/api/v1/timeseries?minutes=10000"} {
		a.Apply(Settings{Slow: &report.Slow{MinSamples: 1, Target: time.Nanosecond}})
		before := ask(a, "GET "+route, "").Body.String()
		again := ask(a, "GET "+route, "").Body.String()
		a.Apply(Settings{Slow: &report.Slow{MinSamples: 1 << 40, Target: time.Hour}})
		after := ask(a, "GET "+route, "").Body.String()
		if before != again || before == after || !strings.Contains(after, `"insufficient_data":true`) {
			t.Errorf("%s: %s\n%s", route, before, after)
		}
	}
}

// TestApplyShowsInTheDocument: a route needs the tokens that are in force.
func TestApplyShowsInTheDocument(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	open, _ := fetch(t, a)
	a.Apply(Settings{Slow: &report.Slow{}, Tokens: Tokens{Ingest: "in", Read: "out"}})
	closed, _ := fetch(t, a)
	fresh, _ := fetch(t, newAPI(storetest.NewOracle(), func(c *Config) { c.Tokens = Tokens{Ingest: "in", Read: "out"} }))
	if string(closed) != string(fresh) || string(closed) == string(open) {
		t.Error("the document is not that of a hub with these tokens")
	}
	a.Apply(Settings{Slow: &report.Slow{}})
	if again, _ := fetch(t, a); string(again) != string(open) {
		t.Error("without tokens again, the document is another")
	}
}
