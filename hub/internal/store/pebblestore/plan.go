package pebblestore

import (
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store/cover"
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
	var all [resolutions]cover.Resolution
	for r := range resolutions {
		all[r].Length = r.millis()
	}
	all[res10s].From = floor10s
	runs, rest := cover.Window(w, all[:])
	p := plan{spans: rest}
	for _, run := range runs {
		p.pages = append(p.pages, pages{resolution(run.Resolution), run.First, run.End})
	}
	return p
}
