// Package hub is Kymo's hub for embedding into a program: it receives what the SDKs
// send, stores it in a directory and answers queries.
//
// A Hub is an http.Handler for the routes of the API and a sink for the SDK of
// the process that it is embedded in:
//
//	h, err := hub.Open("./kymo-data", hub.Config{})
//	if err != nil {
//		return err
//	}
//	go http.ListenAndServe("127.0.0.1:5966", h) // reports, and requests from others
//	m := kymo.New("orders", kymo.WithSink(h))
//	...
//	m.Close(ctx) // after the service's server has shut down: it ships what is left
//	h.Close(ctx)
//
// Its pages link to each other from the root, so it needs an address of its own.
//
// Config sets what is kept and for how long, who has access, and what the hub checks:
// with any probe of package health, or with one that package checks makes for a
// database, a cache or a model server. Importing this package does not bring their
// drivers along.
package hub
