package cover

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

const hour = 3_600_000

var all = rollup.AllLevels

// Spans and the rest cover a window without gap or overlap, none lies before
// where the finest level begins, and what is left is shorter than the shortest span
// at either end.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rollup.Window{From: rapid.Int64Range(0, 30*24*hour).Draw(t, "from")}
		w.To = w.From + rapid.Int64Range(-10, 9*24*hour).Draw(t, "length")
		since := rapid.Int64Range(0, 40*24*hour).Draw(t, "since")
		levels := all[rapid.IntRange(0, 3).Draw(t, "finest"):]
		runs, rest := Window(w, levels, since)
		var parts []rollup.Window
		for _, run := range runs {
			r := levels[run.Level]
			if run.Level == 0 && r.Start(run.First) < since {
				t.Fatalf("%+v lies before %d", run, since)
			}
			parts = append(parts, rollup.Window{From: r.Start(run.First), To: r.Start(run.End)})
		}
		for _, span := range rest {
			if len(levels) > 1 && span.To-span.From > 2*levels[1].Millis() { // the finest may not be there
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

// The windows of steps are covered as if each were covered by itself, and no two
// runs or rests could be one.
func TestWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rollup.Window{From: rapid.Int64Range(0, 30*24*hour).Draw(t, "from")}
		w.To = w.From + rapid.Int64Range(1, 4*24*hour).Draw(t, "length")
		step := rapid.SampledFrom([]int64{hour / 60, hour / 12, 7 * hour / 60, hour, 65 * hour / 60, 24 * hour, 36 * hour}).Draw(t, "step")
		var want []Run
		var wantRest []rollup.Window
		for _, part := range w.Steps(step) {
			runs, rest := Window(part, all[1:], 0)
			want, wantRest = append(want, single(runs)...), append(wantRest, rest...)
		}
		runs, rest := Windows(w.Steps(step), all[1:])
		got := single(runs)
		for _, spans := range [][]Run{got, want} {
			slices.SortFunc(spans, func(a, b Run) int { return cmp.Or(a.Level-b.Level, int(a.First-b.First)) })
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		for i, a := range runs {
			for _, b := range runs[i+1:] {
				if a.Level == b.Level && (a.End == b.First || b.End == a.First) {
					t.Fatalf("%v and %v could be one", a, b)
				}
			}
		}
		if joined := join(rest); !slices.Equal(joined, join(wantRest)) || len(joined) != len(rest) {
			t.Fatalf("the rest is %v, want %v", rest, join(wantRest))
		}
	})
}

// single returns the spans of runs, one by one.
func single(runs []Run) (spans []Run) {
	for _, run := range runs {
		for n := run.First; n < run.End; n++ {
			spans = append(spans, Run{run.Level, n, n + 1})
		}
	}
	return spans
}

func join(windows []rollup.Window) (joined []rollup.Window) {
	for _, w := range windows {
		if n := len(joined); n > 0 && joined[n-1].To == w.From {
			joined[n-1].To = w.To
		} else {
			joined = append(joined, w)
		}
	}
	return joined
}
