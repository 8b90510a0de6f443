// Package cover plans which rollups answer a query: the fewest spans of a store's
// levels that together make up a window, and the ragged ends that are left.
package cover

import "github.com/kymohq/kymo/hub/internal/rollup"

// Run is the consecutive spans [First, End) of one level.
type Run struct {
	Level      int
	First, End int64
}

// Window covers w with the longest spans that fit. The rest is where single
// requests have to be read. Spans of the finest level are used from the instant
// since (Unix milliseconds) on, for stores that keep them for a shorter time.
func Window(w rollup.Window, levels rollup.Levels, since int64) (runs []Run, rest []rollup.Window) {
	p := plan{levels: levels, since: since}
	p.cover(w, len(levels)-1)
	return p.runs, p.rest
}

// Windows covers consecutive windows, each as Window does, with all spans of the
// finest level. Runs and rests that touch are joined: no span of a run lies in more
// than one window, but a run or a rest may.
func Windows(parts []rollup.Window, levels rollup.Levels) (runs []Run, rest []rollup.Window) {
	last := make([]int, len(levels)) // by level, 1 + the place of its last run
	for _, part := range parts {
		more, left := Window(part, levels, 0)
		for _, run := range more {
			if at := last[run.Level]; at > 0 && runs[at-1].End == run.First {
				runs[at-1].End = run.End
				continue
			}
			runs = append(runs, run)
			last[run.Level] = len(runs)
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
	levels rollup.Levels
	since  int64
	runs   []Run
	rest   []rollup.Window
}

// cover covers w with spans of the level and of finer ones.
func (p *plan) cover(w rollup.Window, level int) {
	if w.From >= w.To {
		return
	}
	if level < 0 {
		p.rest = append(p.rest, w)
		return
	}
	from := w.From
	if level == 0 {
		from = max(from, p.since)
	}
	r := p.levels[level]
	first, end := r.Span(from+r.Millis()-1), r.Span(w.To)
	if first >= end {
		p.cover(w, level-1)
		return
	}
	p.cover(rollup.Window{From: w.From, To: r.Start(first)}, level-1)
	p.runs = append(p.runs, Run{level, first, end})
	p.cover(rollup.Window{From: r.Start(end), To: w.To}, level-1)
}
