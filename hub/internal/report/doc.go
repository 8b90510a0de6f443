// Package report turns rollups into the numbers that people read.
//
// Read takes a store's rollups over a window and sorts them by endpoint, merging
// what differs only in status (summary.go). From the merged histograms come the
// rows of the endpoint list (endpoint.go), judged by the rule for slow endpoints
// (slow.go) and put in the order asked for (sort.go); from all rows together comes
// the PerformanceReport (performance.go). Rollups by step (steps.go) become the
// columns of a chart, with the Apdex (series.go, apdex.go), and the heatmap
// (heatmap.go). Percentiles always come from merged histograms; they are never
// averaged.
//
// Nothing here does I/O or reads a clock. Durations are milliseconds as
// floating-point numbers, rates are shares from 0 to 1.
package report
