package pebblestore

import (
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store/cover"
)

// levels are the levels of pages; keys contain their indexes.
//
// These four, because days answer a week's report with a few pages. Hours and five
// minutes fill its edges, so that at most five minutes of single requests are read at
// each end; pages of a minute would take more space than the requests at low traffic,
// and more of them would have to be read. Ten seconds serve short windows, and are
// kept for hours only.
var levels = rollup.AllLevels

const (
	level10s = iota
	level5m
	level1h
	level1d
	levelCount
)

const (
	hourMillis = int64(rollup.Hour)

	// keep10s is how long pages of 10 s are kept. A chart of more than two hours has steps
	// of 5 minutes or more, unless others are asked for.
	keep10s = 3 * hourMillis
)

// plan covers a window with pages, and with spans whose requests are read. It uses pages
// of 10 s from the instant floor10s on, since earlier ones may be gone.
func plan(w rollup.Window, floor10s int64) (pages []cover.Run, spans []rollup.Window) {
	return cover.Window(w, levels, floor10s)
}
