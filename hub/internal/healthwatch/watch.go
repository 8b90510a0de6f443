// Package healthwatch asks a hub for its health again and again. On a terminal it
// redraws the table; elsewhere it writes a line for each change, so that the output
// is a log of them. It waits for a hub that goes away.
package healthwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
	"github.com/kymohq/kymo/internal/duration"
)

// Watch watches one hub.
type Watch struct {
	Hub    *client.Client
	Stdout io.Writer
	Stderr io.Writer     // with JSON: why the hub does not answer
	Screen term.Screen   // what Stdout is
	JSON   bool          // write each answer as it came instead
	Every  time.Duration // between two answers; 0 means 2 s

	frame  *term.Frame
	answer *health.Answer // the last one
	away   error          // why the hub does not answer; nil if it does
	since  time.Time      // when it went away
}

// Run watches until ctx is done, which is how it should end. It is no loop.Loop, since it
// runs in the foreground and ends with the first error.
func (w *Watch) Run(ctx context.Context) error {
	w.Every = cmp.Or(w.Every, 2*time.Second)
	w.frame = term.NewFrame(w.Stdout, w.Screen)
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	for {
		answer, body, err := w.Hub.Health(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var refused *client.RefusalError
		if errors.As(err, &refused) && refused.Status < 500 {
			return err // it would answer the same again
		}
		if err := w.show(body, answer, err, time.Now()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// show shows one answer, or why there is none.
func (w *Watch) show(body []byte, answer *health.Answer, away error, now time.Time) error {
	before, wasAway := w.answer, w.away
	if away != nil && wasAway == nil {
		w.since = now
	}
	w.away = away
	if answer != nil {
		w.answer = answer
	}
	switch {
	case w.JSON:
		if away != nil {
			if wasAway == nil {
				fmt.Fprintln(w.Stderr, "kymo:", term.OneLine(away.Error()))
			}
			return nil
		}
		_, err := w.Stdout.Write(body)
		return err
	case w.Screen.Terminal:
		w.frame.Draw(w.picture(now))
		return nil
	}
	return w.log(before, wasAway, now)
}

// picture returns what is drawn on a terminal.
func (w *Watch) picture(now time.Time) []string {
	var lines []string
	if w.away != nil {
		line := fmt.Sprintf("no answer for %s: %s", duration.Seconds(now.Sub(w.since)), awayText(w.away))
		lines = append(lines, w.Screen.Paint(line, term.Red))
	}
	if w.answer != nil {
		lines = append(lines, text.HealthLines(w.Screen, w.answer, now)...)
	}
	foot := fmt.Sprintf("%s UTC; asks every %s, Ctrl-C ends", now.UTC().Format(time.TimeOnly), duration.Seconds(w.Every))
	return append(lines, "", w.Screen.Paint(foot, term.Dim))
}

// awayText returns why a hub does not answer, without advice: it was there before.
func awayText(err error) string {
	if lost := (*client.UnreachableError)(nil); errors.As(err, &lost) {
		return lost.Cause()
	}
	return term.OneLine(err.Error())
}

// log writes what has changed since before.
func (w *Watch) log(before *health.Answer, wasAway error, now time.Time) error {
	var changes []text.Change
	switch {
	case w.away != nil && wasAway == nil:
		changes = append(changes, text.Change{At: now, Name: "hub", Text: "away: " + awayText(w.away)})
	case w.away == nil:
		if wasAway != nil {
			changes = append(changes, text.Change{At: now, Name: "hub", Text: "answers again"})
		}
		changes = append(changes, text.Changes(before, w.answer, now)...)
	}
	for _, c := range changes {
		if _, err := fmt.Fprintln(w.Stdout, c); err != nil {
			return err
		}
	}
	return nil
}
