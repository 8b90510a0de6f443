package hist

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// Histograms that were taken apart, whose parts were added up one by one as an
// engine does, and put together again are what recording all values makes.
func TestParts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		var whole, merged, direct Histogram
		var sum Parts
		counts := make(map[int16]uint64)
		for range r.IntN(6) {
			var h Histogram
			for range r.IntN(40) {
				v := int64(math.Exp(r.Float64()*43.6)) - 1
				if r.IntN(5) == 0 {
					v = 0
				}
				h.Record(v)
				whole.Record(v)
			}
			var p Parts
			if !h.AppendParts(&p) {
				t.Fatal("a histogram at scale 6 has no parts")
			}
			if err := merged.MergeParts(&p); err != nil {
				t.Fatalf("round %d: %+v: %v", round, p, err)
			}
			if p.Count > 0 {
				if sum.Count == 0 || p.Min < sum.Min {
					sum.Min = p.Min
				}
				sum.Max = max(sum.Max, p.Max)
			}
			sum.Count, sum.Zeros = sum.Count+p.Count, sum.Zeros+p.Zeros
			sum.SumHigh, sum.SumLow = sum.SumHigh+p.SumHigh, sum.SumLow+p.SumLow
			for k, i := range p.Index {
				counts[i] += p.Counts[k]
			}
		}
		for i := int16(minIndex); i <= maxIndex; i++ {
			if n := counts[i]; n > 0 {
				sum.Index, sum.Counts = append(sum.Index, i), append(sum.Counts, n)
			}
		}
		if err := direct.MergeParts(&sum); err != nil {
			t.Fatalf("round %d: %+v: %v", round, sum, err)
		}
		want := whole.AppendBinary(nil)
		if got := merged.AppendBinary(nil); !bytes.Equal(got, want) {
			t.Fatalf("round %d: one by one: %x, want %x", round, got, want)
		}
		if got := direct.AppendBinary(nil); !bytes.Equal(got, want) {
			t.Fatalf("round %d: added up: %x, want %x", round, got, want)
		}
	}
}

// A sum beyond 64 bits keeps all of its bits.
func TestPartsOfLargeSums(t *testing.T) {
	var h, again Histogram
	h.RecordN(math.MaxInt64, 1000)
	h.RecordN(3, 7)
	var p Parts
	if !h.AppendParts(&p) {
		t.Fatal("no parts")
	}
	if err := again.MergeParts(&p); err != nil {
		t.Fatal(err)
	}
	if got, want := again.AppendBinary(nil), h.AppendBinary(nil); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// Parts merge into a coarser histogram, which has no parts of its own.
func TestPartsOfScales(t *testing.T) {
	var fine, coarse, want Histogram
	for v := range int64(1000) {
		fine.Record(v * v)
		want.Record(v * v)
	}
	coarse.coarsen(2)
	want.coarsen(2)
	var p Parts
	if !fine.AppendParts(&p) || coarse.MergeParts(&p) != nil {
		t.Fatal("cannot be merged")
	}
	if got, want := coarse.AppendBinary(nil), want.AppendBinary(nil); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if coarse.AppendParts(&p) {
		t.Error("a coarser histogram has parts")
	}
}

func TestCorruptParts(t *testing.T) {
	good := func() Parts {
		return Parts{Count: 3, Zeros: 1, SumLow: 1007, Max: 1000, Index: []int16{int16(Index(7)), int16(Index(1000))}, Counts: []uint64{1, 1}}
	}
	var h Histogram
	p := good()
	if err := h.MergeParts(&p); err != nil {
		t.Fatal(err)
	}
	before := h.AppendBinary(nil)
	for name, break_ := range map[string]func(p *Parts){
		"a count of nothing":    func(p *Parts) { p.Count = 0 },
		"too large a count":     func(p *Parts) { p.Count = math.MaxInt64; p.Zeros = math.MaxInt64 - 2 },
		"too small a count":     func(p *Parts) { p.Count = 2 },
		"an index too many":     func(p *Parts) { p.Index = append(p.Index, 4000) },
		"an index twice":        func(p *Parts) { p.Index[0] = p.Index[1] },
		"an index out of range": func(p *Parts) { p.Index[0] = -2 },
		"an empty bucket":       func(p *Parts) { p.Counts[0] = 0 },
		"zeros without one":     func(p *Parts) { p.Zeros, p.Count = 0, 2 },
		"a least that is none":  func(p *Parts) { p.Min, p.Zeros, p.Count = 5, 0, 2 },
		"a negative least":      func(p *Parts) { p.Min = -1 },
		"a largest elsewhere":   func(p *Parts) { p.Max = 2000 },
		"too small a sum":       func(p *Parts) { p.Min, p.Zeros, p.Count, p.SumLow = 7, 0, 2, 13 },
		"too large a sum":       func(p *Parts) { p.SumHigh = 1 },
		"no buckets":            func(p *Parts) { p.Index, p.Counts, p.Count = nil, nil, 1 },
	} {
		p := good()
		break_(&p)
		if err := h.MergeParts(&p); err == nil {
			t.Errorf("%s: %+v is taken", name, p)
		}
		if !bytes.Equal(h.AppendBinary(nil), before) {
			t.Fatalf("%s: the histogram changed", name)
		}
	}
}
