// Package ingest reads the formats in which requests arrive. A Reader takes the
// bytes of one body apart and yields its requests (reader.go). It depends neither
// on the network nor on a store, and checks neither the age of requests nor the
// number of endpoints: package intake does, when it turns requests into batches.
//
// JSON reads a body of PerformanceMetric objects (json.go, with metric.go for one
// object, lexer.go and number.go for one token). NDJSON and CSV read streams of
// lines that are too long for memory (lines.go, csv.go, csv_heading.go). A mistake of the sender is
// a *wire.FieldError with its place, its field and the remedy.
//
// Encoded batches (package wire) have no Reader: they already consist of columns,
// and splitting them into requests would cost more than all other steps together.
package ingest
