package api

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// restarted is an API with a read token, as after a restart.
func restarted(now *time.Time, content string, save func(string) error, log *strings.Builder) *API {
	return newAPI(storetest.NewOracle(), func(c *Config) {
		c.Tokens = Tokens{Ingest: "in", Read: "out"}
		c.Now = func() time.Time { return *now }
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
		c.SavedEnded, c.SaveEnded = content, save
	})
}

func wantStatus(t *testing.T, a *API, cookie string, want int) {
	t.Helper()
	if w := ask(a, "GET /metrics", "", "Cookie", cookie); w.Code != want {
		t.Errorf("%d, want %d", w.Code, want)
	}
}

func signOut(t *testing.T, a *API, cookie string) {
	t.Helper()
	if w := ask(a, "DELETE /api/v1/session", "", "Cookie", cookie); w.Code != http.StatusNoContent {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
}

func TestEndedSessionsOutliveARestart(t *testing.T) {
	saved := ""
	save := func(content string) error { saved = content; return nil }
	now := noon
	var log strings.Builder
	a := restarted(&now, saved, save, &log)
	one, two, other := signIn(t, a, "out"), signIn(t, a, "out"), signIn(t, a, "out")
	signOut(t, a, one)
	a = restarted(&now, saved, save, &log)
	signOut(t, a, two)
	a = restarted(&now, "x y\n\n12\n"+saved+"13", save, &log) // a line that was damaged costs no other
	wantStatus(t, a, one, http.StatusUnauthorized)
	wantStatus(t, a, two, http.StatusUnauthorized)
	wantStatus(t, a, other, http.StatusOK)
	if len(a.ended.at) != 2 {
		t.Errorf("%d sessions", len(a.ended.at))
	}
	now = now.Add(sessionAge)
	if a = restarted(&now, saved, save, &log); len(a.ended.at) != 0 {
		t.Errorf("%d sessions that have ended by themselves", len(a.ended.at))
	}
	if log.String() != "" {
		t.Error(log.String())
	}
}

// TestEndedSessionsThatAreNotSaved: signing out works, and the log tells for how long.
func TestEndedSessionsThatAreNotSaved(t *testing.T) {
	now := noon
	var log strings.Builder
	a := restarted(&now, "", func(string) error { return errors.New("the disk is full") }, &log)
	cookie := signIn(t, a, "out")
	signOut(t, a, cookie)
	wantStatus(t, a, cookie, http.StatusUnauthorized)
	if text := log.String(); !strings.Contains(text, "an ended session is forgotten at the next restart: the disk is full") {
		t.Error(text)
	}
}
