package healthwatch

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/term"
)

// hubThat returns the URL of a hub that answers each request for its health with the next
// of the answers, and repeats the last. A status of 0 aborts the connection.
func hubThat(t *testing.T, answers ...reply) string {
	t.Helper()
	var asked atomic.Int64 // two connections can be asked at once: one whose client gave up, too
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[min(int(asked.Add(1))-1, len(answers)-1)]
		if a.status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(a.status)
		if err := json.NewEncoder(w).Encode(a.body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

type reply struct {
	status int
	body   any
}

var (
	since = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	well  = health.HealthCheck{Status: health.Healthy, State: health.Healthy, Since: &since, Critical: true}
	ill   = health.HealthCheck{Status: health.Down, State: health.Down, Since: &since, Reason: "connection refused", Critical: true}
)

func answerOf(status health.Status, checks map[string]health.HealthCheck) reply {
	code := http.StatusOK
	if status == health.Down {
		code = http.StatusServiceUnavailable
	}
	return reply{code, health.Answer{Status: status, Timestamp: since, Checks: checks}}
}

// watched is a writer that calls seen with all that was written so far. One goroutine
// writes to it.
type watched struct {
	text strings.Builder
	seen func(text string)
}

func (w *watched) Write(p []byte) (int, error) {
	w.text.Write(p)
	w.seen(w.text.String())
	return len(p), nil
}

// full is a device without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func clientOf(t *testing.T, hub string) *client.Client {
	t.Helper()
	c, err := client.New(hub, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// watching runs a watch of a hub until its output contains last.
func watching(t *testing.T, s term.Screen, asJSON bool, hub, last string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	out := &watched{seen: func(text string) {
		if strings.Contains(text, last) {
			stop()
		}
	}}
	var errs strings.Builder
	w := &Watch{Hub: clientOf(t, hub), Stdout: out, Stderr: &errs, Screen: s, JSON: asJSON, Every: time.Millisecond}
	err = w.Run(ctx)
	return out.text.String(), errs.String(), err
}

// TestWatchLogsChanges: a hub goes away and comes back, a check breaks and is
// mended, one flaps, one comes and one goes.
func TestWatchLogsChanges(t *testing.T) {
	flapping := well
	flapping.Status, flapping.State, flapping.Flapping = health.Degraded, health.Degraded, true
	wobbling := flapping
	wobbling.Flapping = false
	hub := hubThat(t,
		reply{0, nil},
		answerOf(health.Healthy, map[string]health.HealthCheck{"database": well, "old": well}),
		answerOf(health.Healthy, map[string]health.HealthCheck{"database": well, "old": well}),
		answerOf(health.Down, map[string]health.HealthCheck{"database": ill, "redis": well}),
		reply{503, map[string]any{"status": 503, "detail": "the hub is shutting down"}},
		reply{0, nil},
		answerOf(health.Down, map[string]health.HealthCheck{"database": ill, "redis": wobbling}),
		answerOf(health.Degraded, map[string]health.HealthCheck{"database": well, "redis": flapping}),
	)
	stdout, _, err := watching(t, term.Screen{}, false, hub, "flapping\n")
	if err != nil {
		t.Error(err)
	}
	now := `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  `
	then := `2026-11-23T10:00:00Z  `
	want := strings.Join([]string{
		now + `hub  away: EOF`,
		now + `hub  answers again`,
		then + `database  healthy`,
		then + `old  healthy`,
		then + `database  healthy → down: connection refused`,
		then + `redis  healthy`,
		now + `old  healthy → not checked any more`,
		now + `hub  away: the hub answered: the hub is shutting down`,
		now + `hub  answers again`,
		then + `redis  healthy → degraded`,
		then + `database  down → healthy`,
		now + `redis  degraded → degraded, flapping`,
		``,
	}, "\n")
	if !regexp.MustCompile("^" + want + "$").MatchString(stdout) {
		t.Errorf("got\n%s\nwant\n%s", stdout, want)
	}
}

// TestWatchRedraws on a terminal, and keeps the last table while the hub is away.
func TestWatchRedraws(t *testing.T) {
	hub := hubThat(t, answerOf(health.Down, map[string]health.HealthCheck{"database": ill}), reply{0, nil})
	stdout, _, err := watching(t, term.Screen{Terminal: true, Color: true, Width: 100, Height: 30}, false, hub, "no answer for ")
	if err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"\r\x1b[31mdown: database; 1 check in all\x1b[0m\x1b[K\n\r\x1b[1mname\x1b[0m",
		"\r\x1b[31mno answer for 0 s: EOF",
		" UTC; asks every 0 s, Ctrl-C ends",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in %q", want, stdout)
		}
	}
	if last := stdout[strings.LastIndex(stdout, "no answer for "):]; !strings.Contains(last, "connection refused") {
		t.Errorf("the table is gone in %q", last)
	}
}

func TestWatchPrintsAnswers(t *testing.T) {
	hub := hubThat(t, reply{0, nil}, reply{0, nil}, answerOf(health.Down, map[string]health.HealthCheck{"database": ill}))
	stdout, stderr, err := watching(t, term.Screen{}, true, hub, "\n{")
	lines := strings.SplitAfter(stdout, "\n")
	if err != nil || len(lines) < 2 || lines[0] != lines[1] || !strings.HasPrefix(lines[0], `{"status":"down",`) {
		t.Errorf("got %v, %q", err, stdout)
	}
	if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "kymo: no hub answers at ") {
		t.Errorf("stderr %q", stderr)
	}
}

// A watch without an interval has the default.
func TestWatchWithoutAnInterval(t *testing.T) {
	w := &Watch{Hub: clientOf(t, hubThat(t, reply{401, nil})), Stdout: io.Discard}
	if err := w.Run(t.Context()); err == nil || w.Every != 2*time.Second {
		t.Errorf("%v, every %v", err, w.Every)
	}
}

// TestWatchEnds where going on would be useless.
func TestWatchEnds(t *testing.T) {
	_, _, err := watching(t, term.Screen{}, false, hubThat(t, reply{401, nil}), "\x00")
	if want := "the hub answered: 401 Unauthorized; give it with --token or KYMO_TOKEN"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	// What is written to is full: from the first line, and from each later one.
	checks := map[string]health.HealthCheck{"database": well}
	for name, w := range map[string]*Watch{
		"the first":     {},
		"the hub again": {away: errors.New("no")},
		"one that went": {answer: &health.Answer{Checks: map[string]health.HealthCheck{"database": well, "old": well}}},
	} {
		w.Stdout = full{}
		if w.show(nil, &health.Answer{Checks: checks}, nil, since) == nil {
			t.Errorf("%s: written to a full disk", name)
		}
	}
}
