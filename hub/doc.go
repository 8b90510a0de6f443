// Package hub receives what Kymo's SDKs send, keeps it and answers questions.
//
// A Hub is an http.Handler for the routes of the API and a sink for the SDK of
// the process that it is embedded in:
//
//	h, err := hub.Open("./kymo-data")
//	if err != nil {
//		return err
//	}
//	go http.ListenAndServe("127.0.0.1:5966", h) // reports, and requests from others
//	m := kymo.New("orders", kymo.WithSink(h))
//	...
//	m.Close(ctx) // after the service's server has shut down: it ships what is left
//	h.Close(ctx)
//
// Its pages link to each other from the root, so it wants an address of its own.
//
// New checks the configuration, learns from the store which endpoints there are
// already (hub.go), and starts the loop that keeps the store within its
// retention (retention.go). ServeHTTP and Ship let requests in until Close,
// which waits for those that are in (door.go).
package hub
