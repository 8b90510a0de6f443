package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kymohq/kymo/health"
)

const watchEvery = 2 * time.Second

// watch asks a hub again and again. On a terminal it redraws the table; elsewhere
// it writes a line for each change, so that the output is a log of them. A hub
// that goes away is waited for.
type watch struct {
	env    *environment
	hub    *hubClient
	json   bool // each answer as it came, instead
	screen screen
	every  time.Duration

	frame  frame
	answer *health.Answer // the last one
	away   error          // why the hub does not answer, nil if it does
	since  time.Time      // it is away
}

func newWatch(env *environment, hub *hubClient, json bool) *watch {
	s := screenOf(env.stdout, env.vars)
	return &watch{env: env, hub: hub, json: json, screen: s, every: watchEvery, frame: frame{w: env.stdout, screen: s}}
}

// run watches until the process is asked to stop, which is how it should end.
func (w *watch) run() error {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		body, answer, err := w.hub.health(w.env.ctx)
		if w.env.ctx.Err() != nil {
			return nil
		}
		var refused *refusal
		if errors.As(err, &refused) && refused.status < 500 {
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

// show takes in one answer, or why there is none.
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
	case w.screen.terminal:
		w.frame.draw(w.picture(now))
		return nil
	}
	return w.log(before, wasAway, now)
}

// picture is what is drawn on a terminal.
func (w *watch) picture(now time.Time) []string {
	var lines []string
	if w.away != nil {
		text := fmt.Sprintf("no answer for %s: %s", seconds(now.Sub(w.since)), awayText(w.away))
		lines = append(lines, w.screen.paint(text, red))
	}
	if w.answer != nil {
		lines = append(lines, healthLines(w.screen, w.answer, now)...)
	}
	foot := fmt.Sprintf("%s UTC; asks every %s, Ctrl-C ends", now.UTC().Format(time.TimeOnly), seconds(w.every))
	return append(lines, "", w.screen.paint(foot, dim))
}

// awayText is why a hub does not answer, without advice: it was there before.
func awayText(err error) string {
	if lost := (*unreachable)(nil); errors.As(err, &lost) {
		return cause(lost.err)
	}
	return oneLine(err.Error())
}

// log writes what has changed since before.
func (w *watch) log(before *health.Answer, wasAway error, now time.Time) error {
	switch {
	case w.away != nil && wasAway == nil:
		return w.line(now, "hub", "away: "+awayText(w.away))
	case w.away != nil:
		return nil
	case wasAway != nil:
		if err := w.line(now, "hub", "answers again"); err != nil {
			return err
		}
	}
	if before == nil {
		before = &health.Answer{}
	}
	for _, name := range byName(w.answer.Checks) {
		is := w.answer.Checks[name]
		text := stateText(&is)
		was, known := before.Checks[name]
		if known && stateText(&was) == text {
			continue
		}
		at := now
		if known {
			text = stateText(&was) + " → " + text
		}
		if is.Since != nil && was.State != is.State {
			at = *is.Since
		}
		if reason := reasonText(&is); reason != "" {
			text += ": " + reason
		}
		if err := w.line(at, name, text); err != nil {
			return err
		}
	}
	for _, name := range byName(before.Checks) {
		if _, there := w.answer.Checks[name]; !there {
			was := before.Checks[name]
			if err := w.line(now, name, stateText(&was)+" → not checked any more"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *watch) line(at time.Time, name, text string) error {
	_, err := io.WriteString(w.env.stdout, at.UTC().Format(time.RFC3339)+"  "+name+"  "+text+"\n")
	return err
}
