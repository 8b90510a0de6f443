package term

import (
	"io"
	"time"
)

// Bars shows the progress of several operations, one after another, with one bar
// at a time. It is not safe for concurrent use.
type Bars struct {
	w      io.Writer
	screen Screen
	label  string
	bar    *Progress
}

// NewBars returns bars that are drawn on w, which is the screen s.
func NewBars(w io.Writer, s Screen) *Bars { return &Bars{w: w, screen: s} }

// Show draws the bar of the operation with this label, with the number of rows; done and
// total have the same unit, such as bytes. The first call for an operation only starts its clock if
// nothing is done yet.
func (b *Bars) Show(label string, rows, done, total int64) {
	if b.bar == nil || b.label != label {
		b.Clear()
		b.label, b.bar = label, NewProgress(b.w, b.screen, time.Now, label, total)
	}
	if rows > 0 || done > 0 {
		b.bar.Show(rows, done)
	}
}

// Clear takes the bar off the screen.
func (b *Bars) Clear() {
	if b.bar != nil {
		b.bar.Clear()
		b.bar = nil
	}
}
