// Package pebblestore is the embedded store: a directory that one process owns.
//
// A batch goes through it like this:
//
//  1. Append encodes the batch and queues it. One goroutine, the committer, takes all
//     batches that are queued, leaves out those that were kept before (identity.go),
//     writes the others to the journal and syncs it once for all of them (commit.go,
//     journal.go). Only then are they added to memory and their callers answered.
//  2. Memory (memory.go) holds the latest requests as columns. When it has enough of
//     them, or after some minutes, it is frozen and turned into blocks and pages
//     (flush.go), which enter Pebble in one atomic write together with the
//     identities and the number of the journal segment they came from.
//  3. Blocks (block.go) are the requests themselves, sorted by start, as columns
//     (column.go) compressed with zstd; none spans an hour's boundary. A page
//     (page.go) holds the histograms of all series in one span of one
//     level (levels.go): 10 s, 5 min, 1 h or 1 d. Pebble merges pages of the same span.
//  4. When Pebble has made its own memory durable, the journal's segments up to that
//     point are removed. After a crash, the segments that are not in Pebble are
//     replayed, so that each acknowledged batch is there once.
//  5. A query (query.go) covers its window with the fewest pages (package cover), reads
//     the requests at the two ragged ends, adds memory, and so answers exactly. The sums
//     of the pages are cached (totals.go).
//  6. A snapshot (snapshot.go) is the journal and Pebble's files as they are at one
//     instant, to be copied while all of this goes on.
//
// Documents (documents.go) are in a file of their own, beside all that.
//
// The store has a journal of its own, and Pebble runs without its write-ahead log: a
// failed write or sync of that log, or of Pebble's manifest, ends the process or leaves
// the database unusable, while a hub on a full disk must refuse batches and continue
// once there is room. A Pebble that failed is fenced off and opened again (engine.go).
package pebblestore
