package main

import (
	"time"

	"github.com/kymohq/kymo/hub/internal/term"
)

// bars show how far a command is on standard error, one bar at a time.
type bars struct {
	env    *environment
	screen term.Screen
	label  string
	bar    *term.Progress
}

func newBars(env *environment, s term.Screen) *bars { return &bars{env: env, screen: s} }

// show draws the bar of this label, which is the first time only begun.
func (b *bars) show(label string, rows, done, total int64) {
	if b.bar == nil || b.label != label {
		b.clear()
		b.label, b.bar = label, term.NewProgress(b.env.stderr, b.screen, time.Now, label, total)
	}
	if rows > 0 || done > 0 {
		b.bar.Show(rows, done)
	}
}

// clear takes the bar off the screen.
func (b *bars) clear() {
	if b.bar != nil {
		b.bar.Clear()
		b.bar = nil
	}
}
