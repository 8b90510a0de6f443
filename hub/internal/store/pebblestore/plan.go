package pebblestore

import (
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

// resolution is the length of a page's window.
//
// Why these four: the days carry a week's report in a few pages. The hours and
// five minutes fill its edges, so that at most five minutes of single requests
// are read at each; one-minute pages would cost more than the requests
// themselves at low traffic, and more of them would have to be read. Ten
// seconds serve short windows and are kept for hours only.
type resolution uint8

const (
	res10s resolution = iota
	res5m
	res1h
	res1d
	resolutions
)

const (
	hourMillis = int64(time.Hour / time.Millisecond)

	// keep10s is for how long pages of 10 s are kept.
	keep10s = 6 * hourMillis
)

// millis is the resolution's length. Each divides the next.
func (r resolution) millis() int64 {
	return [resolutions]int64{10_000, 300_000, hourMillis, 24 * hourMillis}[r]
}

// pages is a run of pages: the windows [from, to) of one resolution.
type pages struct {
	res      resolution
	from, to int64
}

// plan covers a window: with pages, and with the spans whose requests are read.
type plan struct {
	pages []pages
	spans []rollup.Window
}

// newPlan covers w with the longest pages that fit. Pages of 10 s are used from
// the instant floor10s on, where all of them are there.
func newPlan(w rollup.Window, floor10s int64) plan {
	var p plan
	p.cover(w, res1d, floor10s)
	return p
}

func (p *plan) cover(w rollup.Window, r resolution, floor10s int64) {
	if w.From >= w.To {
		return
	}
	length := r.millis()
	from, to := (w.From+length-1)/length, w.To/length
	if r == res10s {
		from = max(from, (floor10s+length-1)/length)
	}
	if from >= to {
		p.below(w, r, floor10s)
		return
	}
	p.below(rollup.Window{From: w.From, To: from * length}, r, floor10s)
	p.pages = append(p.pages, pages{r, from, to})
	p.below(rollup.Window{From: to * length, To: w.To}, r, floor10s)
}

// below covers w with pages shorter than r, or with requests.
func (p *plan) below(w rollup.Window, r resolution, floor10s int64) {
	if r > res10s {
		p.cover(w, r-1, floor10s)
	} else if w.From < w.To {
		p.spans = append(p.spans, w)
	}
}
