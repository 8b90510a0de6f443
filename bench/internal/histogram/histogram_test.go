package histogram

import (
	"math"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// A contender that promises a bound keeps it, or the error is measured wrongly.
func TestEveryContenderKeepsItsBound(t *testing.T) {
	for _, c := range contenders {
		t.Run(c.name, func(t *testing.T) {
			s, err := c.empty()
			if err != nil {
				t.Fatal(err)
			}
			s.record([]int64{5e6, 5e6, 5e6, 5e6, 5e6})
			for _, q := range quantiles {
				if off := math.Abs(s.quantile(q)-5e6) / 5e6; off > c.bound+1e-9 {
					t.Errorf("quantile %v is off by %v, beyond %v", q, off, c.bound)
				}
			}
		})
	}
}

func TestFind(t *testing.T) {
	buckets := []bucket{{0, 1, 2}, {1, 2, 0}, {2, 4, 8}}
	for _, c := range []struct{ q, lo, share float64 }{{0.1, 0, 0.5}, {0.2, 0, 1}, {0.6, 2, 0.5}, {1, 2, 1}} {
		if b, share := find(buckets, c.q); b.lo != c.lo || math.Abs(share-c.share) > 1e-9 {
			t.Errorf("find(%v) is in the bucket from %v at %v, want from %v at %v", c.q, b.lo, share, c.lo, c.share)
		}
	}
}

func TestNativeBucketsFollowSpansAndDeltas(t *testing.T) {
	schema, offset, gap, two, one := int32(0), int32(1), int32(2), uint32(2), uint32(1)
	got := nativeBuckets(&dto.Histogram{
		Schema:        &schema,
		PositiveSpan:  []*dto.BucketSpan{{Offset: &offset, Length: &two}, {Offset: &gap, Length: &one}},
		PositiveDelta: []int64{3, -1, 4},
	})
	want := []bucket{{1, 2, 3}, {2, 4, 2}, {16, 32, 6}}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("bucket %d is %v, want %v", i, got[i], want[i])
		}
	}
}
