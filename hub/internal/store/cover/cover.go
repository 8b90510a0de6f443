// Package cover finds the fewest spans of time for which an engine has the sum
// that together make up a window.
package cover

import "github.com/kymohq/kymo/hub/internal/rollup"

// Resolution is a length of span for which an engine keeps sums. Spans begin at
// multiples of the length since the Unix epoch.
type Resolution struct {
	Length int64 // milliseconds
	// From is the instant from which on all of its spans are there.
	From int64
}

// Run is the spans of one resolution, numbered from First up to, and without,
// End. Span n begins at n times the resolution's length.
type Run struct {
	Resolution int // the place among the resolutions
	First, End int64
}

// Window covers w with the longest spans that fit, and with the rest at which
// single requests have to be looked at. The resolutions are in ascending order,
// the length of each divides the next.
func Window(w rollup.Window, resolutions []Resolution) (runs []Run, rest []rollup.Window) {
	p := plan{resolutions: resolutions}
	p.cover(w, len(resolutions)-1)
	return p.runs, p.rest
}

// Windows covers windows that follow one another, each as Window does. What lies
// together in two of them is joined: no span of a run lies in more than one window,
// but a run or a rest may.
func Windows(parts []rollup.Window, resolutions []Resolution) (runs []Run, rest []rollup.Window) {
	last := make([]int, len(resolutions)) // the place of each one's last run, from 1 on
	for _, part := range parts {
		more, left := Window(part, resolutions)
		for _, run := range more {
			if at := last[run.Resolution]; at > 0 && runs[at-1].End == run.First {
				runs[at-1].End = run.End
				continue
			}
			runs = append(runs, run)
			last[run.Resolution] = len(runs)
		}
		for _, w := range left {
			if n := len(rest); n > 0 && rest[n-1].To == w.From {
				rest[n-1].To = w.To
			} else {
				rest = append(rest, w)
			}
		}
	}
	return runs, rest
}

type plan struct {
	resolutions []Resolution
	runs        []Run
	rest        []rollup.Window
}

// cover covers w with the spans of resolution r and shorter ones.
func (p *plan) cover(w rollup.Window, r int) {
	if w.From >= w.To {
		return
	}
	if r < 0 {
		p.rest = append(p.rest, w)
		return
	}
	length := p.resolutions[r].Length
	first, end := (max(w.From, p.resolutions[r].From)+length-1)/length, w.To/length
	if first >= end {
		p.cover(w, r-1)
		return
	}
	p.cover(rollup.Window{From: w.From, To: first * length}, r-1)
	p.runs = append(p.runs, Run{r, first, end})
	p.cover(rollup.Window{From: end * length, To: w.To}, r-1)
}
