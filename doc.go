// Package kymo records every request of a Go service (route, status, duration,
// user) and ships the records to a Kymo hub. It imports only the standard library.
//
//	m := kymo.New("orders")
//	server := &http.Server{Addr: ":8080", Handler: m.Middleware(mux)}
//	…
//	server.Shutdown(ctx) // at the end: first the requests in flight,
//	m.Close(ctx)         // then what was recorded
//
// [New] returns a [Monitor], and [Monitor.Middleware] wraps the service's handler.
// Handlers add to their request with [SetUser], [SetRoute], [SetError], [SetStream]
// and [Ignore]. [Monitor.Check] runs a health check in the background, and
// [Monitor.HealthHandler] answers with the status of all checks. Options such as
// [WithHub], [WithSink] and [WithFilter] change the defaults.
//
// For routers other than http.ServeMux there are adapters in modules of their own,
// github.com/kymohq/kymo/contrib/…. New adapters build on [Monitor.Serve] or
// [Monitor.Begin]. [Monitor.Record] records what is not an HTTP request, such as a
// job from a queue. Package kymotest helps to test what is recorded.
//
// A Monitor uses at most about 4 MB, and no failure of it, the hub or the network
// reaches the service's handlers.
//
// # The way of a request
//
//  1. The middleware (middleware.go) reads the clock and lets the handler run
//     with an exchange of its own (exchange.go), which is found through the
//     ResponseWriter (writer.go, shapes.go) and the context alike, so that
//     handlers can say more about their request (notes.go). The writer sees the
//     status and the moment the header is written, where it adds X-Response-Time
//     (header.go), and what kind of response it is (stream.go, rpc.go).
//  2. When the handler has returned, finish.go determines what is recorded: the
//     route (route.go; mount.go where routers are mounted in each other), and the
//     status, also of clients that left (gone.go) and of responses that are
//     written later (late.go). Health probes are counted but not recorded
//     (probes.go). Requests that did not come through net/http enter here
//     (record.go, adapter.go).
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
//     It repeats a batch until the sink confirms that it is durable; the identity
//     lets the hub count it once. Between batches it sends heartbeats
//     (heartbeat.go): this instance is alive, and this is the status of its checks.
//
// The shipper (shipper.go) starts and stops the goroutines of the collector and the
// sender. How many requests were shipped and lost is counted in stats.go. The number
// of requests that were dropped on the way, by time and reason, travels to the hub, so
// that reports can show it.
package kymo
