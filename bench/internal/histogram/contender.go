// Package histogram measures what one observation costs and how far the
// percentiles read back lie from the exact ones.
package histogram

import (
	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/HdrHistogram/hdrhistogram-go"
	vm "github.com/VictoriaMetrics/metrics"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/prometheus/client_golang/prometheus"
)

// sketch is one way to keep durations in nanoseconds.
type sketch interface {
	record(values []int64)
	quantile(q float64) float64
}

// contender makes an empty sketch. Its bound is the worst relative error that
// it promises; of those that interpolate within a bucket, the bucket's width.
type contender struct {
	name  string
	bound float64
	empty func() (sketch, error)
}

var contenders = []contender{
	{"Kymo hist", hist.MaxRelativeError, func() (sketch, error) { return new(kymo), nil }},
	{"HdrHistogram, 3 digits, 1 µs–1 h", 0.001, func() (sketch, error) { return hdr{hdrhistogram.New(1e3, 3600e9, 3)}, nil }},
	{"HdrHistogram, 2 digits, 1 µs–1 h", 0.01, func() (sketch, error) { return hdr{hdrhistogram.New(1e3, 3600e9, 2)}, nil }},
	{"DDSketch, 1 %", 0.01, newDD(0.01)},
	{"DDSketch, 0.55 %", 0.0055, newDD(0.0055)},
	{"Prometheus native, factor 1.1 (schema 3)", nativeWidth(3), func() (sketch, error) { return newNative(1.1), nil }},
	{"Prometheus native, factor 1.0109 (schema 6)", nativeWidth(6), func() (sketch, error) { return newNative(1.0109), nil }},
	{"VictoriaMetrics", victoriaWidth, func() (sketch, error) { return victoria{vm.NewSet().NewHistogram("h")}, nil }},
}

type kymo struct{ h hist.Histogram }

func (k *kymo) record(values []int64) {
	for _, v := range values {
		k.h.Record(v)
	}
}

func (k *kymo) quantile(q float64) float64 { return k.h.Quantile(q) }

type hdr struct{ h *hdrhistogram.Histogram }

func (h hdr) record(values []int64) {
	for _, v := range values {
		_ = h.h.RecordValue(v) // a value out of range is lost, and shows in the error
	}
}

func (h hdr) quantile(q float64) float64 { return float64(h.h.ValueAtQuantile(100 * q)) }

type dd struct{ s *ddsketch.DDSketch }

func newDD(accuracy float64) func() (sketch, error) {
	return func() (sketch, error) {
		s, err := ddsketch.NewDefaultDDSketch(accuracy)
		return dd{s}, err
	}
}

func (d dd) record(values []int64) {
	for _, v := range values {
		_ = d.s.Add(float64(v)) // no duration is out of its range
	}
}

func (d dd) quantile(q float64) float64 {
	v, err := d.s.GetValueAtQuantile(q)
	if err != nil {
		return 0
	}
	return v
}

type native struct{ h prometheus.Histogram }

func newNative(factor float64) native {
	return native{prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "h", NativeHistogramBucketFactor: factor,
	})}
}

func (n native) record(values []int64) {
	for _, v := range values {
		n.h.Observe(float64(v) / 1e9)
	}
}

type victoria struct{ h *vm.Histogram }

func (v victoria) record(values []int64) {
	for _, value := range values {
		v.h.Update(float64(value) / 1e9)
	}
}
