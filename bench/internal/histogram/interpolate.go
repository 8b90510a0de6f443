package histogram

import (
	"math"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// bucket holds n values between lo and hi.
type bucket struct {
	lo, hi float64
	n      float64
}

// find returns the bucket that holds the rank q*n and the share of it below that rank.
func find(buckets []bucket, q float64) (b bucket, share float64) {
	total := 0.0
	for _, b := range buckets {
		total += b.n
	}
	rank := q * total
	for _, b = range buckets {
		if rank <= b.n {
			return b, rank / b.n
		}
		rank -= b.n
	}
	return b, 1
}

// quantile reads a native histogram as PromQL's histogram_quantile does: it
// interpolates exponentially within a bucket.
func (n native) quantile(q float64) float64 {
	var m dto.Metric
	if err := n.h.Write(&m); err != nil {
		return 0
	}
	b, share := find(nativeBuckets(m.GetHistogram()), q)
	return 1e9 * b.lo * math.Pow(b.hi/b.lo, share)
}

// nativeBuckets decodes the spans and deltas of the positive buckets.
func nativeBuckets(h *dto.Histogram) []bucket {
	base := 1 + nativeWidth(int(h.GetSchema()))
	var buckets []bucket
	index, count, k := 0, int64(0), 0
	for _, span := range h.GetPositiveSpan() {
		index += int(span.GetOffset())
		for range span.GetLength() {
			count += h.GetPositiveDelta()[k]
			k++
			hi := math.Pow(base, float64(index))
			buckets = append(buckets, bucket{hi / base, hi, float64(count)})
			index++
		}
	}
	return buckets
}

// nativeWidth is how much wider a bucket's upper bound is than its lower one.
func nativeWidth(schema int) float64 { return math.Exp2(math.Exp2(-float64(schema))) - 1 }

// victoriaWidth is the same for VictoriaMetrics: 18 buckets per decade.
var victoriaWidth = math.Pow(10, 1.0/18) - 1

// quantile reads as MetricsQL's histogram_quantile does: linearly within a bucket.
func (v victoria) quantile(q float64) float64 {
	var buckets []bucket
	v.h.VisitNonZeroBuckets(func(vmrange string, count uint64) {
		lo, hi, _ := strings.Cut(vmrange, "...")
		b := bucket{n: float64(count)}
		b.lo, _ = strconv.ParseFloat(lo, 64)
		b.hi, _ = strconv.ParseFloat(hi, 64)
		buckets = append(buckets, b)
	})
	b, share := find(buckets, q)
	return 1e9 * (b.lo + (b.hi-b.lo)*share)
}
