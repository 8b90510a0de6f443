package hist

import (
	"math"
	"math/rand/v2"
	"testing"
)

// logNormal returns durations around 20 ms as a service's endpoint has them.
func logNormal(n int) []int64 {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]int64, n)
	for i := range values {
		values[i] = int64(math.Exp(math.Log(20e6) + 0.9*r.NormFloat64()))
	}
	return values
}

func BenchmarkRecord(b *testing.B) {
	values := logNormal(8192)
	var h Histogram
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.Record(values[i&8191])
	}
}

func BenchmarkIndex(b *testing.B) {
	values := logNormal(8192)
	sum := 0
	for i := 0; b.Loop(); i++ {
		sum += Index(values[i&8191])
	}
	if sum == 0 {
		b.Fatal("no value had an index")
	}
}

// windows are what an hour of one series weighs, from quiet to busy.
var windows = []struct {
	name   string
	events int
}{{"events=20", 20}, {"events=130", 130}, {"events=1300", 1300}, {"events=100000", 100_000}}

// hours returns 168 histograms of so many events each.
func hours(events int) []*Histogram {
	values := logNormal(168 * events)
	all := make([]*Histogram, 168)
	for i := range all {
		all[i] = recorded(values[i*events : (i+1)*events])
	}
	return all
}

func recorded(values []int64) *Histogram {
	h := new(Histogram)
	for _, v := range values {
		h.Record(v)
	}
	return h
}

func buckets(all []*Histogram) (n int) {
	for _, h := range all {
		for range h.Buckets() {
			n++
		}
	}
	return n
}

// perBucket reports the time for each of n buckets in an operation.
func perBucket(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/bucket")
}

// BenchmarkMerge merges a week of hours in each operation.
func BenchmarkMerge(b *testing.B) {
	for _, w := range windows {
		b.Run(w.name, func(b *testing.B) {
			all := hours(w.events)
			var h Histogram
			for b.Loop() {
				h.Reset()
				for _, o := range all {
					h.Merge(o)
				}
			}
			perBucket(b, buckets(all))
		})
	}
}

// BenchmarkMergeBinary is BenchmarkMerge from bytes.
func BenchmarkMergeBinary(b *testing.B) {
	for _, w := range windows {
		b.Run(w.name, func(b *testing.B) {
			all := hours(w.events)
			encoded, size := make([][]byte, len(all)), 0
			for i, o := range all {
				encoded[i] = o.AppendBinary(nil)
				size += len(encoded[i])
			}
			var h Histogram
			for b.Loop() {
				h.Reset()
				for _, o := range encoded {
					if _, err := h.MergeBinary(o); err != nil {
						b.Fatal(err)
					}
				}
			}
			perBucket(b, buckets(all))
			b.ReportMetric(float64(size)/float64(len(all)), "B/histogram")
		})
	}
}

func BenchmarkAppendBinary(b *testing.B) {
	for _, w := range windows {
		b.Run(w.name, func(b *testing.B) {
			all := hours(w.events)
			var buffer []byte
			for b.Loop() {
				buffer = buffer[:0]
				for _, o := range all {
					buffer = o.AppendBinary(buffer)
				}
			}
			perBucket(b, buckets(all))
		})
	}
}

func BenchmarkQuantile(b *testing.B) {
	h := recorded(logNormal(100_000))
	for b.Loop() {
		if h.Quantile(0.99) < h.Quantile(0.5) {
			b.Fatal("the 99th percentile is below the median")
		}
	}
}
