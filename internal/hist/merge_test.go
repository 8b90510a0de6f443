package hist

import (
	"math/rand/v2"
	"testing"
)

func merged(all ...*Histogram) *Histogram {
	h := new(Histogram)
	for _, o := range all {
		h.Merge(o)
	}
	return h
}

func TestMergeIsRecordingAll(t *testing.T) {
	for _, n := range []int{3, 50, 2000} {
		eachDistribution(t, n, func(t *testing.T, values []int64) {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			parts := make([]*Histogram, 7)
			for i := range parts {
				parts[i] = new(Histogram)
			}
			for _, v := range values {
				parts[r.IntN(len(parts))].Record(v)
			}
			want := recorded(values)
			got := merged(parts...)
			if bytesOf(got) != bytesOf(want) {
				t.Error("the merged parts differ from the whole")
			}
			checkQuantiles(t, got, exactly(values), MaxRelativeError)
		})
	}
}

// parts returns histograms of different sizes, distributions and scales.
func parts(r *rand.Rand, n int) []*Histogram {
	all := make([]*Histogram, n)
	for i := range all {
		h := new(Histogram)
		d := distributions[r.IntN(len(distributions))]
		for range r.IntN(4) * r.IntN(60) {
			h.Record(d.draw(r))
		}
		if r.IntN(3) == 0 {
			h.Downscale(r.IntN(Scale + 1))
		}
		all[i] = h
	}
	return all
}

func TestMergeIsCommutativeAndAssociative(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 500 {
		p := parts(r, 3)
		a, b, c := p[0], p[1], p[2]
		if bytesOf(merged(a, b)) != bytesOf(merged(b, a)) {
			t.Fatalf("a+b differs from b+a: scales %d and %d, counts %d and %d", a.Scale(), b.Scale(), a.Count(), b.Count())
		}
		left, right := merged(merged(a, b), c), merged(a, merged(b, c))
		if bytesOf(left) != bytesOf(right) {
			t.Fatalf("(a+b)+c differs from a+(b+c): scales %d, %d, %d", a.Scale(), b.Scale(), c.Scale())
		}
	}
}

func TestMergeLeavesTheOtherAsItWas(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 200 {
		p := parts(r, 2)
		before := bytesOf(p[1])
		p[0].Merge(p[1])
		p[0].Record(1)
		if bytesOf(p[1]) != before {
			t.Fatal("Merge changed its argument")
		}
	}
}

func TestMergeWithItselfDoubles(t *testing.T) {
	eachDistribution(t, 100, func(t *testing.T, values []int64) {
		h := recorded(values)
		h.Merge(h)
		var want Histogram
		for _, v := range values {
			want.RecordN(v, 2)
		}
		if bytesOf(h) != bytesOf(&want) {
			t.Error("a histogram merged with itself is not its double")
		}
	})
}

// The coarser scale wins even if nothing was recorded at it: else the order of
// merging would show.
func TestMergeWithAnEmptyCoarserOne(t *testing.T) {
	empty, full := new(Histogram), recorded([]int64{1, 5, 100})
	empty.Downscale(2)
	if got := merged(full, empty); got.Scale() != 2 || got.Count() != 3 {
		t.Errorf("scale %d, count %d; want 2, 3", got.Scale(), got.Count())
	}
}

func TestDownscaleIsRecordingAtThatScale(t *testing.T) {
	eachDistribution(t, 500, func(t *testing.T, values []int64) {
		for scale := range Scale {
			got, steps, want := recorded(values), recorded(values), new(Histogram)
			got.Downscale(scale)
			for s := Scale; s >= scale; s-- {
				steps.Downscale(s)
			}
			want.Downscale(scale)
			for _, v := range values {
				want.Record(v)
			}
			if bytesOf(got) != bytesOf(want) || bytesOf(steps) != bytesOf(want) {
				t.Errorf("scale %d: lowered afterwards differs from recorded so", scale)
			}
		}
	})
}

func TestDownscaleOutOfRange(t *testing.T) {
	h := recorded([]int64{1, 5, 100})
	for _, c := range []struct{ to, want int }{{7, 6}, {6, 6}, {3, 3}, {5, 3}, {-4, 0}} {
		if h.Downscale(c.to); h.Scale() != c.want {
			t.Errorf("after Downscale(%d) the scale is %d, want %d", c.to, h.Scale(), c.want)
		}
	}
}

func TestMergeOfDifferentScalesIsRecordingAtTheCoarser(t *testing.T) {
	eachDistribution(t, 300, func(t *testing.T, values []int64) {
		fine, coarse := recorded(values[:100]), recorded(values[100:])
		coarse.Downscale(3)
		want := recorded(values)
		want.Downscale(3)
		if bytesOf(merged(fine, coarse)) != bytesOf(want) || bytesOf(merged(coarse, fine)) != bytesOf(want) {
			t.Error("scales 6 and 3 merged differ from all at scale 3")
		}
	})
}
