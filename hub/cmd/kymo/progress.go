package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress shows how far a long work is: a bar that is redrawn on a terminal,
// nothing elsewhere. It is not safe for concurrent use.
type progress struct {
	w      io.Writer
	screen screen
	now    func() time.Time
	label  string
	total  int64 // bytes; 0 if not known

	begun, drawn time.Time
}

const (
	progressEvery = 100 * time.Millisecond
	barWidth      = 24
)

func newProgress(w io.Writer, s screen, now func() time.Time, label string, total int64) *progress {
	return &progress{w: w, screen: s, now: now, label: label, total: total, begun: now()}
}

// show says that rows were done, which took bytes of the total.
func (p *progress) show(rows, bytes int64) {
	now := p.now()
	if !p.screen.terminal || now.Sub(p.drawn) < progressEvery {
		return
	}
	p.drawn = now
	fmt.Fprint(p.w, "\r"+clip(p.line(rows, bytes, now.Sub(p.begun)), p.screen.width-1)+"\x1b[K")
}

// clear takes the bar off the screen.
func (p *progress) clear() {
	if !p.drawn.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

func (p *progress) line(rows, bytes int64, took time.Duration) string {
	rate := ""
	if took > 0 {
		rate = "  " + thousands(int64(float64(rows)/took.Seconds())) + " rows/s"
	}
	if p.total <= 0 {
		return fmt.Sprintf("%s  %s%s", p.label, plural(rows, "row"), rate)
	}
	share := min(float64(bytes)/float64(p.total), 1)
	full := int(share * barWidth)
	bar := strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
	eta := ""
	if share > 0 {
		eta = "  ETA " + seconds(time.Duration(float64(took)*(1-share)/share))
	}
	return fmt.Sprintf("%s  %s %3.0f %%  %s%s%s", p.label, bar, share*100, plural(rows, "row"), rate, eta)
}
