package cover

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

const hour = 3_600_000

// Spans and the rest cover a window without gap or overlap, none lies before
// where its resolution begins, and what is left is shorter than the shortest span
// at either end.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rollup.Window{From: rapid.Int64Range(0, 30*24*hour).Draw(t, "from")}
		w.To = w.From + rapid.Int64Range(-10, 9*24*hour).Draw(t, "length")
		resolutions := []Resolution{
			{10_000, rapid.Int64Range(0, 40*24*hour).Draw(t, "floor")}, {300_000, 0}, {hour, 0}, {24 * hour, 0},
		}[rapid.IntRange(0, 3).Draw(t, "shortest"):]
		runs, rest := Window(w, resolutions)
		var parts []rollup.Window
		for _, run := range runs {
			r := resolutions[run.Resolution]
			if run.First*r.Length < r.From {
				t.Fatalf("%+v lies before %+v", run, r)
			}
			parts = append(parts, rollup.Window{From: run.First * r.Length, To: run.End * r.Length})
		}
		longest := resolutions[0].Length
		if longest == 10_000 {
			longest = resolutions[1].Length // the shortest may not be there
		}
		for _, span := range rest {
			if span.To-span.From > 2*longest {
				t.Fatalf("%d ms are left", span.To-span.From)
			}
			parts = append(parts, span)
		}
		slices.SortFunc(parts, func(a, b rollup.Window) int { return int(a.From - b.From) })
		at := w.From
		for _, part := range parts {
			if part.From != at || part.To <= part.From {
				t.Fatalf("%+v: parts %v", w, parts)
			}
			at = part.To
		}
		if at != max(w.From, w.To) {
			t.Fatalf("%+v is covered up to %d", w, at)
		}
	})
}
