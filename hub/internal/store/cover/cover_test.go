package cover

import (
	"cmp"
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

// The windows of steps are covered as if each were covered by itself, and no two
// runs or rests could be one.
func TestWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rollup.Window{From: rapid.Int64Range(0, 30*24*hour).Draw(t, "from")}
		w.To = w.From + rapid.Int64Range(1, 4*24*hour).Draw(t, "length")
		step := rapid.SampledFrom([]int64{hour / 60, hour / 12, 7 * hour / 60, hour, 65 * hour / 60, 24 * hour, 36 * hour}).Draw(t, "step")
		resolutions := []Resolution{{300_000, 0}, {hour, 0}, {24 * hour, 0}}
		var want []Run
		var wantRest []rollup.Window
		for _, part := range w.Steps(step) {
			runs, rest := Window(part, resolutions)
			want, wantRest = append(want, single(runs)...), append(wantRest, rest...)
		}
		runs, rest := Windows(w.Steps(step), resolutions)
		got := single(runs)
		for _, spans := range [][]Run{got, want} {
			slices.SortFunc(spans, func(a, b Run) int { return cmp.Or(a.Resolution-b.Resolution, int(a.First-b.First)) })
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		for i, a := range runs {
			for _, b := range runs[i+1:] {
				if a.Resolution == b.Resolution && (a.End == b.First || b.End == a.First) {
					t.Fatalf("%v and %v could be one", a, b)
				}
			}
		}
		if joined := join(rest); !slices.Equal(joined, join(wantRest)) || len(joined) != len(rest) {
			t.Fatalf("the rest is %v, want %v", rest, join(wantRest))
		}
	})
}

// single are the spans of runs, one by one.
func single(runs []Run) (spans []Run) {
	for _, run := range runs {
		for n := run.First; n < run.End; n++ {
			spans = append(spans, Run{run.Resolution, n, n + 1})
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
