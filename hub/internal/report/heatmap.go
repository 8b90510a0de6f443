package report

import (
	"iter"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/hist"
)

const (
	// heatScale makes four rows of each power of two: a factor of 1.19 from one
	// bound to the next, about as fine as the eye can distinguish.
	heatScale = 2
	maxRows   = 64
)

// Heatmap counts requests by duration over time.
type Heatmap struct {
	Window       Span         `json:"window"`
	Step         int64        `json:"step" doc:"The length of a step, in seconds." example:"900"`
	At           []int64      `json:"at" nullable:"false" doc:"When each step begins, Unix ms: the multiples of the step. The first step and the last may lie in the window only in part." example:"[1795348800000,1795349700000]"`
	Bounds       []float64    `json:"bounds" nullable:"false" doc:"The longest duration of each row, ms, ascending; each is the same multiple of the one before. A row begins after the bound before it, the first at 0. Empty rows at both ends are omitted; there are at most 64." example:"[26.4,31.4]"`
	Counts       [][]uint64   `json:"counts" nullable:"false" doc:"For each step, how many requests are in each row." example:"[[80,40],[98,0]]"`
	Distribution Distribution `json:"distribution"`
	Total        uint64       `json:"total" doc:"How many requests there are." example:"218"`
	Trust        Trust        `json:"trust"`
}

// Distribution is the durations of the whole window.
type Distribution struct {
	Counts []uint64 `json:"counts" nullable:"false" doc:"How many requests are in each row." example:"[178,40]"`
	Percentiles
}

// ReadHeatmap makes a heatmap of the rollups of a window by step (milliseconds).
// It fails only as the iterator does.
func ReadHeatmap(rollups iter.Seq2[*rollup.Rollup, error], w rollup.Window, millis int64, slow *Slow) (*Heatmap, error) {
	at := starts(w, millis)
	coarse := make([]hist.Histogram, len(at))
	total, err := eachStep(rollups, w, millis, func(i int, s *step) {
		coarse[i].Downscale(heatScale)
		coarse[i].Merge(&s.all)
	})
	if err != nil {
		return nil, err
	}
	_, p := percentiles(&total.all)
	m := &Heatmap{
		Window: Span(w), Step: millis / 1000, At: at, Counts: make([][]uint64, len(at)),
		Distribution: Distribution{Percentiles: p},
		Total:        total.requests, Trust: total.trust(slow),
	}
	rows := rowsOf(&total.all)
	m.Bounds = rows.bounds()
	for i := range coarse {
		m.Counts[i] = rows.counts(&coarse[i])
	}
	m.Distribution.Counts = rows.counts(&total.all)
	return m, nil
}

// rows are buckets of a scale, from first on.
type rows struct{ scale, first, n int }

// rowsOf returns the finest rows of which there are not too many.
func rowsOf(h *hist.Histogram) rows {
	if h.Count() == 0 {
		return rows{}
	}
	lowest, highest, found := -1, -1, false // the bucket of 1 ns, if there is nothing but zeros
	for i := range h.Buckets() {
		if !found {
			lowest, found = i, true
		}
		highest = i
	}
	for scale := min(heatScale, h.Scale()); ; scale-- {
		r := rows{scale: scale, first: lowest >> (h.Scale() - scale)}
		if r.n = highest>>(h.Scale()-scale) - r.first + 1; r.n <= maxRows {
			return r
		}
	}
}

// bounds returns the upper bounds of the rows, in milliseconds.
func (r rows) bounds() []float64 {
	b := make([]float64, r.n)
	for k := range b {
		finest := (r.first+k+1)<<(hist.Scale-r.scale) - 1 // the last bucket within at scale 6
		b[k] = ms(hist.UpperBound(finest))
	}
	return b
}

// counts returns the number of h's values in each row; h has the same scale or a
// finer one. Zeros are in the first row, which has no lower bound.
func (r rows) counts(h *hist.Histogram) []uint64 {
	c := make([]uint64, r.n)
	if h.Count() == 0 {
		return c
	}
	c[0] = h.Zeros()
	for i, n := range h.Buckets() {
		c[i>>(h.Scale()-r.scale)-r.first] += n
	}
	return c
}
