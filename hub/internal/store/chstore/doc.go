// Package chstore keeps requests in ClickHouse, on one server or on a cluster of
// shards and replicas. Any number of hubs may use it; none keeps anything itself.
//
// ClickHouse has neither transactions nor unique keys, and a block that is sent
// again may or may not be kept again. What it has is that a block inserted into
// one partition of one table is there wholly or not at all. From that is built
// what store.Store promises:
//
//  1. Append waits for its group (package gather), about one a second. The group
//     gets a number that begins with the server's time. All of its rows carry
//     the number, and are of the day of that time: in each table, on each
//     shard, one block of one partition.
//  2. The group is announced (ledger.go): its number with the identities of its
//     batches, in one block. Then it is looked who else announced one of them.
//     Of two groups with one batch at least one sees the other, and gives way. A
//     batch that a confirmed group has was kept before.
//  3. Requests and sums are written to the shards (write.go), those of a series to
//     one shard, and the group is confirmed in one row. From then on
//     it counts; what carries the number of a group that is not confirmed does
//     not. A group that is not confirmed in time is void for ever.
//  4. From time to time a hub (seal.go) adds the sums of many groups up to one
//     piece, within each shard, and then seals their span of time: who reads, takes
//     the piece for the groups. Two hubs that do so at once make two pieces, one
//     of which everyone takes.
//  5. A report (answer.go, query.go) asks the ledger which groups and pieces count, and each
//     shard for their buckets, added up by series. At the ragged ends of its window
//     it asks for requests of at most five minutes, counted by bucket. With steps
//     they are added up by step, too, some steps in each question.
//
// All of that is read from replicas that have what was inserted before, as
// ZooKeeper knows (trust.go). If a shard has none, the answer is an error that
// names the shard, not a smaller number.
package chstore
