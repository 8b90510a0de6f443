// Package ingest reads the formats in which requests arrive. A Reader takes the
// bytes of one body apart and yields its requests (reader.go). It is pure: it knows
// neither the network nor a store, and neither how old a request may be nor which
// endpoints there are. That is package intake's part, which turns requests into
// batches.
//
// JSON reads a body of PerformanceMetric objects (json.go, with metric.go for one
// object, lexer.go and number.go for one token). NDJSON and CSV read streams of
// lines that are too long for memory (lines.go, csv.go). An error of the sender's is
// a *wire.FieldError with its place, its field and the remedy.
//
// Encoded batches (package wire) have no Reader: they are columns already, and to
// take them apart into requests would cost more than all the rest of their way.
package ingest
