// Package chstore keeps requests in ClickHouse, on one server or on a cluster of shards
// and replicas. Any number of hubs may use it; none keeps anything itself.
//
// ClickHouse has neither transactions nor unique keys, and a block that is sent again
// may or may not be kept again. But a block that is inserted into one partition of one
// table is there as a whole or not at all. The promises of store.Store are built on
// that:
//
//  1. Append waits for its group (package gather), about one a second. The group
//     gets a number that begins with the server's time. All of its rows carry
//     the number, and are of the day of that time: in each table, on each
//     shard, one block of one partition.
//  2. The group is announced (ledger.go): its number with the identities of its
//     batches, in one block. Then the hub reads which other groups announced one of
//     them. Of two groups with the same batch, at least one sees the other and gives
//     way. A batch of a committed group was kept before.
//  3. Requests and sums are written to the shards (write.go), those of a series to one
//     shard, and the group is committed in one row. From then on it counts; rows with
//     the number of a group that is not committed do not. A group that is not committed
//     in time is aborted permanently.
//  4. From time to time a hub (seal.go) adds up the sums of many groups to one piece,
//     within each shard, and then seals their span of time: readers use the piece
//     instead of the groups. Two hubs that do so at once make two pieces, and all
//     readers use the same one.
//  5. A report (answer.go, query.go) reads from the ledger which groups and pieces
//     count, and from each shard their buckets, added up by series. At the two ends of
//     its window, where no stored span fits, it reads requests of at most five minutes,
//     counted by bucket. If the window has steps, they are added up by step too,
//     several steps per query.
//
// All of that is read from replicas that have what was inserted before, according to
// ZooKeeper (trust.go). If a shard has none, the answer is an error that names the
// shard, not a smaller number.
package chstore
