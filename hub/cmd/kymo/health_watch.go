package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
	"github.com/kymohq/kymo/internal/duration"
)

const watchEvery = 2 * time.Second

// watch asks a hub again and again. On a terminal it redraws the table; elsewhere
// it writes a line for each change, so that the output is a log of them. A hub
// that goes away is waited for.
type watch struct {
	env    *environment
	hub    *client.Client
	json   bool // each answer as it came, instead
	screen term.Screen
	every  time.Duration

	frame  *term.Frame
	answer *health.Answer // the last one
	away   error          // why the hub does not answer, nil if it does
	since  time.Time      // it is away
}

func newWatch(env *environment, hub *client.Client, json bool) *watch {
	s := term.ScreenOf(env.stdout, env.vars)
	return &watch{env: env, hub: hub, json: json, screen: s, every: watchEvery, frame: term.NewFrame(env.stdout, s)}
}

// run watches until the process is asked to stop, which is how it should end.
func (w *watch) run() error {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		answer, body, err := w.hub.Health(w.env.ctx)
		if w.env.ctx.Err() != nil {
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
		case <-w.env.ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// show takes one answer, or the reason why there is none.
func (w *watch) show(body []byte, answer *health.Answer, away error, now time.Time) error {
	before, wasAway := w.answer, w.away
	if away != nil && wasAway == nil {
		w.since = now
	}
	w.away = away
	if answer != nil {
		w.answer = answer
	}
	switch {
	case w.json:
		if away != nil {
			if wasAway == nil {
				fmt.Fprintln(w.env.stderr, "kymo:", oneLine(away.Error()))
			}
			return nil
		}
		_, err := w.env.stdout.Write(body)
		return err
	case w.screen.Terminal:
		w.frame.Draw(w.picture(now))
		return nil
	}
	return w.log(before, wasAway, now)
}

// picture is what is drawn on a terminal.
func (w *watch) picture(now time.Time) []string {
	var lines []string
	if w.away != nil {
		line := fmt.Sprintf("no answer for %s: %s", duration.Seconds(now.Sub(w.since)), awayText(w.away))
		lines = append(lines, w.screen.Paint(line, term.Red))
	}
	if w.answer != nil {
		lines = append(lines, text.HealthLines(w.screen, w.answer, now)...)
	}
	foot := fmt.Sprintf("%s UTC; asks every %s, Ctrl-C ends", now.UTC().Format(time.TimeOnly), duration.Seconds(w.every))
	return append(lines, "", w.screen.Paint(foot, term.Dim))
}

// awayText is why a hub does not answer, without advice: it was there before.
func awayText(err error) string {
	if lost := (*client.UnreachableError)(nil); errors.As(err, &lost) {
		return lost.Cause()
	}
	return oneLine(err.Error())
}

// log writes what has changed since before.
func (w *watch) log(before *health.Answer, wasAway error, now time.Time) error {
	hub := text.Change{At: now, Name: "hub"}
	var lines []string
	switch {
	case w.away != nil && wasAway == nil:
		hub.Text = "away: " + awayText(w.away)
		lines = append(lines, hub.String())
	case w.away == nil:
		if wasAway != nil {
			hub.Text = "answers again"
			lines = append(lines, hub.String())
		}
		for _, c := range text.Changes(before, w.answer, now) {
			lines = append(lines, c.String())
		}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w.env.stdout, line); err != nil {
			return err
		}
	}
	return nil
}
