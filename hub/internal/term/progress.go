package term

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/internal/duration"
)

// Progress shows how far a long operation is: a bar that is redrawn on a
// terminal, nothing elsewhere. It is not safe for concurrent use.
type Progress struct {
	w      io.Writer
	screen Screen
	now    func() time.Time
	label  string
	total  int64 // of what Show calls done; 0 if not known
	bytes  bool  // whether Show is given bytes in place of rows

	begun, drawn time.Time
}

const (
	progressEvery = 100 * time.Millisecond
	barWidth      = 24
)

// NewProgress returns a bar with a label and a total, which is in bytes or in
// anything else that Show counts; 0 if it is not known.
func NewProgress(w io.Writer, s Screen, now func() time.Time, label string, total int64) *Progress {
	return &Progress{w: w, screen: s, now: now, label: label, total: total, begun: now()}
}

// NewByteProgress returns a bar of bytes, which are both arguments of Show.
func NewByteProgress(w io.Writer, s Screen, now func() time.Time, label string, total int64) *Progress {
	p := NewProgress(w, s, now, label, total)
	p.bytes = true
	return p
}

// Show draws the bar with the number of rows; done is in the unit of the total.
func (p *Progress) Show(rows, done int64) {
	now := p.now()
	if !p.screen.Terminal || now.Sub(p.drawn) < progressEvery {
		return
	}
	p.drawn = now
	fmt.Fprint(p.w, "\r"+Clip(p.line(rows, done, now.Sub(p.begun)), p.screen.Width-1)+"\x1b[K")
}

// Clear takes the bar off the screen.
func (p *Progress) Clear() {
	if !p.drawn.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

func (p *Progress) line(rows, done int64, took time.Duration) string {
	amount, rate := figure.Plural(rows, "row"), ""
	if p.bytes {
		amount = figure.Bytes(rows)
	}
	if took > 0 {
		each := int64(float64(rows) / took.Seconds())
		if rate = "  " + figure.Thousands(each) + " rows/s"; p.bytes {
			rate = "  " + figure.Bytes(each) + "/s"
		}
	}
	if p.total <= 0 {
		return fmt.Sprintf("%s  %s%s", p.label, amount, rate)
	}
	share := min(float64(done)/float64(p.total), 1)
	full := int(share * barWidth)
	bar := strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
	eta := ""
	if share > 0 {
		eta = "  ETA " + duration.Seconds(time.Duration(float64(took)*(1-share)/share))
	}
	return fmt.Sprintf("%s  %s %3.0f %%  %s%s%s", p.label, bar, share*100, amount, rate, eta)
}
