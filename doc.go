// Package kymo records every request of a Go service (route, status, duration,
// user) and ships the records to a Kymo hub. It needs the standard library only.
//
//	m := kymo.New("orders")
//	server := &http.Server{Addr: ":8080", Handler: m.Middleware(mux)}
//	…
//	server.Shutdown(ctx) // at the end: first the requests in flight,
//	m.Close(ctx)         // then what was recorded
//
// The way of one request:
//
//  1. The middleware (middleware.go) notes the clock and lets the handler run
//     with an exchange of its own (exchange.go), which is found through the
//     ResponseWriter (writer.go, shapes.go) and the context alike, so that
//     handlers can say more about their request (notes.go). The writer sees the
//     status and the moment the header is written, where it adds X-Response-Time
//     (header.go), and what kind of response it is (stream.go, rpc.go).
//  2. When the handler has returned, finish.go settles what is recorded: the
//     route (route.go; mount.go where routers are mounted in each other), and the
//     status, also of clients that left (gone.go) and of responses that are
//     written later (late.go). Probes are counted apart (probes.go). Requests that
//     did not come through net/http enter here (record.go, adapter.go).
//  3. The recorder (recorder.go) puts one fixed-size record into one of a few
//     bounded buffers: no allocation, no I/O, no waiting. A full buffer drops
//     the record and counts it.
//  4. Once a second, or sooner when a buffer is half full, the collector
//     (collector.go) swaps the buffers for an empty one and the encoder
//     (encoder.go) turns the records into a batch of bytes, which has an
//     identity: the process and a sequence number.
//  5. The batch waits in a queue bounded in bytes (queue.go). When the queue is
//     full, the new batch is dropped and its requests are counted (drops.go).
//  6. The sender (sender.go) hands one batch after the other to the sink
//     (sink.go): the hub in the same process, or one over HTTP (sink_http.go).
//     It repeats a batch until the sink says that it is durable; the identity
//     lets the hub count it once. Between batches it sends heartbeats
//     (heartbeat.go): this instance is there, and its checks stand like this.
//
// The shipper (shipper.go) starts and stops the goroutines of the collector and
// the sender; what became of the requests is counted in stats.go.
//
// Whatever was dropped on the way travels as a count in the next batch, so that
// the hub's reports can say how much they do not know.
//
// A Monitor holds at most about 4 MB, and nothing that fails in it, the hub or
// the network reaches the service's handlers.
package kymo
