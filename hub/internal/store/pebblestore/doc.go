// Package pebblestore is the embedded store: a directory that one process owns.
//
// A batch goes through it like this:
//
//  1. Append encodes the batch and queues it. One goroutine, the committer,
//     takes all that is queued, leaves out what was kept before (identity.go),
//     writes the rest to the journal and syncs it once for all of them
//     (commit.go, journal.go). Only then are the batches added to memory and
//     their callers answered.
//  2. Memory (memory.go) holds what came last as columns, up to a number of
//     requests or for some minutes. Then it is frozen and turned into blocks and pages
//     (flush.go), which enter Pebble in one atomic write together with the
//     identities and the number of the journal segment they came from.
//  3. Blocks (block.go) are the requests themselves, sorted by start, as columns
//     (column.go) compressed with zstd; none spans an hour's boundary. A page
//     (page.go) holds the histograms of all series in one span of one
//     level (levels.go): 10 s, 5 min, 1 h or 1 d. Pebble merges pages of the same span.
//  4. When Pebble has made its own memory durable the journal's segments before
//     that point are removed. After a crash, the segments that Pebble does not
//     know of are read again: each acknowledged batch is there once.
//  5. A query (query.go) covers its window with the fewest pages (package cover), reads
//     the requests at the two ragged ends, adds memory, and so answers exactly.
//
// The journal is ours, and Pebble runs without its write-ahead log, because a
// failing write or sync of that log, or of Pebble's manifest, ends the process
// or leaves the database unusable; a hub must say "no room" and go on when there
// is room again. A Pebble that failed is fenced off and opened anew (engine.go).
package pebblestore
