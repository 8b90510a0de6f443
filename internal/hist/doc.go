// Package hist is a mergeable histogram of non-negative integers, meant for
// durations in nanoseconds.
//
// A value goes in through Record; its bucket comes from the bits of its
// floating-point form and a table of 64 bounds (index.go). Buckets are those of
// OpenTelemetry's exponential histogram at scale 6 and of Prometheus' native
// histogram with schema 6: base 2^(1/64), upper-inclusive, so import from and
// export to both is exact. Count, sum, smallest and largest value ride along,
// exactly. Histograms merge by addition (merge.go), answer quantiles by the
// nearest-rank method (quantile.go), lose resolution exactly by halving it
// (scale.go), and travel as sparse varints (encode.go), which can be added to
// a histogram without being decoded first (decode.go).
//
// A quantile at scale 6 differs from the exact nearest-rank quantile of the
// recorded values by at most MaxRelativeError, 0.5416 %, however many
// histograms were merged.
//
// A Histogram is a plain value without a lock: callers that share one guard it.
package hist
