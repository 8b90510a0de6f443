package hist

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// Record has a short way for values between the extremes; RecordN has none.
func TestRecordIsRecordNOfOne(t *testing.T) {
	eachDistribution(t, 3000, func(t *testing.T, values []int64) {
		for scale := range Scale + 1 {
			var fast, slow Histogram
			fast.Downscale(scale)
			slow.Downscale(scale)
			for _, v := range values {
				fast.Record(v)
				slow.RecordN(v, 1)
			}
			if bytesOf(&fast) != bytesOf(&slow) {
				t.Fatalf("scale %d: Record and RecordN differ", scale)
			}
		}
	})
}

func TestRecordNIsRecordRepeated(t *testing.T) {
	var once, often Histogram
	for _, v := range []int64{0, 1, 77, 1 << 40, math.MaxInt64} {
		once.RecordN(v, 5)
		for range 5 {
			often.Record(v)
		}
	}
	once.RecordN(3, 0)
	if bytesOf(&once) != bytesOf(&often) {
		t.Error("recording 5 times differs from recording 5 at once")
	}
}

func TestNegativeValuesCountAsZero(t *testing.T) {
	var h Histogram
	h.Record(-1)
	h.RecordN(math.MinInt64, 2)
	h.Record(10)
	h.Record(-1)
	if h.Zeros() != 4 || h.Min() != 0 || h.Max() != 10 || h.Sum() != 10 || h.Count() != 5 {
		t.Errorf("zeros, min, max, sum, count = %d, %d, %d, %v, %d; want 4, 0, 10, 10, 5",
			h.Zeros(), h.Min(), h.Max(), h.Sum(), h.Count())
	}
}

func TestSumPasses64Bits(t *testing.T) {
	var h Histogram
	want := new(big.Int)
	r := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		v, n := r.Int64()>>r.IntN(20), r.Uint64N(1<<50)
		h.RecordN(v, n)
		h.Record(v)
		want.Add(want, new(big.Int).Mul(big.NewInt(v), new(big.Int).SetUint64(n+1)))
	}
	if got := sumOf(&h); got.Cmp(want) != 0 {
		t.Errorf("sum = %v, want %v", got, want)
	}
	exact, _ := new(big.Float).SetInt(want).Float64()
	if got := h.Sum(); math.Abs(got-exact) > exact*0x1p-52 {
		t.Errorf("Sum() = %v, want %v", got, exact)
	}
	if got, want := h.Mean(), exact/float64(h.Count()); math.Abs(got-want) > want*0x1p-51 {
		t.Errorf("Mean() = %v, want %v", got, want)
	}
}

func TestEmptyHistogram(t *testing.T) {
	var h Histogram
	if h.Count() != 0 || h.Sum() != 0 || h.Mean() != 0 || h.Min() != 0 || h.Max() != 0 || h.Scale() != Scale {
		t.Errorf("an empty histogram is not: %+v", h)
	}
	for i := range h.Buckets() {
		t.Errorf("an empty histogram has bucket %d", i)
	}
}

func TestBucketsAreThoseOfTheValues(t *testing.T) {
	eachDistribution(t, 2000, func(t *testing.T, values []int64) {
		want, zeros := map[int]uint64{}, uint64(0)
		for _, v := range values {
			if v == 0 {
				zeros++
				continue
			}
			want[Index(v)]++
		}
		h := recorded(values)
		if h.Zeros() != zeros {
			t.Errorf("zeros = %d, want %d", h.Zeros(), zeros)
		}
		var order []int
		for i, n := range h.Buckets() {
			order = append(order, i)
			if want[i] != n {
				t.Errorf("bucket %d holds %d, want %d", i, n, want[i])
			}
		}
		if len(order) != len(want) || !slices.IsSorted(order) {
			t.Errorf("buckets %v; want %d of them in order", order, len(want))
		}
	})
}

func TestBucketsStopsWhenTold(t *testing.T) {
	h := recorded([]int64{1, 100, 10_000})
	seen := 0
	for range h.Buckets() {
		if seen++; seen == 2 {
			break
		}
	}
	if seen != 2 {
		t.Errorf("saw %d buckets, want 2", seen)
	}
}

func TestResetReusesMemory(t *testing.T) {
	values := logNormal(1000)
	h := recorded(values)
	want := bytesOf(h)
	allocations := testing.AllocsPerRun(10, func() {
		h.Reset()
		for _, v := range values {
			h.Record(v)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations after Reset, want 0", allocations)
	}
	if got := bytesOf(h); got != want {
		t.Error("a histogram that was Reset differs from a new one")
	}
	h.Downscale(2)
	h.Reset()
	if h.Scale() != Scale || bytesOf(h) != bytesOf(new(Histogram)) {
		t.Errorf("after Reset: scale %d, %d values; want an empty histogram at scale 6", h.Scale(), h.Count())
	}
}

func TestCloneIsIndependent(t *testing.T) {
	h := recorded([]int64{1, 2, 3})
	before := bytesOf(h)
	c := h.Clone()
	c.Record(2)
	c.Record(1 << 50)
	if got := bytesOf(h); got != before {
		t.Error("recording into a clone changed the original")
	}
	if c.Count() != 5 || c.Max() != 1<<50 {
		t.Errorf("clone has count %d, max %d; want 5, 2^50", c.Count(), c.Max())
	}
}

// A run of new extremes may not copy the buckets each time, nor may room grow
// beyond all buckets there are and the slack on both sides.
func TestRoomIsBounded(t *testing.T) {
	var h Histogram
	allocations := testing.AllocsPerRun(1, func() {
		h = Histogram{}
		for i := minIndex + 1; i <= maxIndex; i++ {
			h.Record(int64(UpperBound(i)))
		}
	})
	if most := float64(maxIndex / (perOctave / 4)); allocations > most {
		t.Errorf("%v allocations for ever larger values, want at most %v", allocations, most)
	}
	for i := maxIndex; i > minIndex; i-- {
		h.Record(int64(UpperBound(i)))
	}
	if len(h.counts) > maxBuckets {
		t.Errorf("room for %d buckets, want at most %d", len(h.counts), maxBuckets)
	}
}

const maxBuckets = maxIndex - minIndex + 1 + perOctave/2
