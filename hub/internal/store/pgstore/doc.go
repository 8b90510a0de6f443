// Package pgstore keeps requests in PostgreSQL, where they can be read with SQL.
// Other programs may have tables in the same database, and several hubs may share it.
//
// A batch goes through it like this:
//
//  1. Append waits for its group (package gather): batches that arrive during a
//     transaction are written by the next one.
//  2. The transaction (commit.go) locks the rows of the batches' instances in the
//     order of their names, so that two hubs never deadlock, and leaves out the
//     batches that were kept before. It copies the others' requests into api_metrics
//     (copy.go), writes their sums for five minutes, an hour and a day into kymo_pages
//     (sums.go), and adds the batches' numbers to the instances' rows: all of it or
//     nothing.
//  3. A report (query.go, answer.go) reads the pages of its window and adds them up. At
//     the ragged ends it reads the details of at most five minutes, which are start,
//     series and duration of each request in a few bytes, and so is exact to the
//     millisecond without reading api_metrics. Pages come in the order of time, so that
//     each step is answered as soon as its pages are read.
//  4. From time to time (merge.go) one hub, whichever takes the lock, merges pages of
//     the same span and creates the partitions of the next days. Retention drops
//     partitions (prune.go).
//
// A transaction whose outcome is unknown is simply repeated: if it was committed, its
// batches are known.
package pgstore
