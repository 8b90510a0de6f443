// Package pgstore keeps requests in PostgreSQL, beside data of other
// programs and open to SQL. Several hubs may use one database.
//
// A batch goes through it like this:
//
//  1. Append waits for its group (package gather): what comes in while a
//     transaction is under way is written by the next one.
//  2. The transaction (commit.go) locks the rows of the batches' instances in the
//     order of their names, so that two hubs never wait for each other in a
//     circle, and leaves out the batches that were kept before. The others'
//     requests are copied into api_metrics (copy.go); their sums go into
//     kymo_pages (sums.go), for five minutes, an hour and a day; and the
//     instances' rows remember the batches. All of that or nothing.
//  3. A report (query.go, answer.go) reads the pages of its window and adds them up. At the
//     ragged ends it reads the details of at most five minutes, which are start,
//     series and duration of each request in a few bytes, and so is exact to the
//     millisecond without reading api_metrics. With steps each is answered once
//     its pages are read, which come in the order of time.
//  4. From time to time one hub (merge.go), whichever takes the lock, merges pages
//     of the same span and makes the partitions of the next days. Retention drops
//     partitions (prune.go).
//
// A transaction that failed may have been committed: trying it again finds its
// batches known.
package pgstore
