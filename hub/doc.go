// Package hub is Kymo's hub, to embed into a program: it receives what the SDKs
// send, keeps it in a directory and answers questions about it.
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
// Its pages link to each other from the root, so it wants an address of its own.
//
// Config says what is kept and for how long, who may ask, and what the hub checks:
// any probe of package health, or one that package checks makes for a database, a
// cache, a model server. Importing this package brings none of their drivers along.
package hub
