// Package ingest turns bytes from elsewhere into batches, and touches nothing else.
//
// JSON takes a body of PerformanceMetric objects apart (json.go, with metric.go
// for one object, lexer.go and number.go for one token); NDJSON and CSV do so
// with streams too long for memory (stream.go, ndjson.go, csv.go). All gather
// requests in a collector, which templates raw paths once per batch and splits
// what is too much for one batch (collector.go). What is wrong is said by an
// *Error with its place, field and remedy (error.go); of a bad body nothing is
// kept.
package ingest
