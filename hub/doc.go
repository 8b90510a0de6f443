// Package hub embeds Kymo's hub into a program. The hub receives what the SDKs send,
// stores it in a directory and answers queries.
//
// A Hub is an http.Handler that serves the API and the dashboard, and a sink for
// monitors in the same process:
//
//	h, err := hub.Open("./kymo-data", hub.Config{})
//	if err != nil {
//		return err
//	}
//	go http.ListenAndServe("127.0.0.1:5966", h) // reports, and requests from others
//	m := kymo.New("orders", kymo.WithSink(h))
//	...
//	m.Close(ctx) // after the service's server has shut down: ships what is left
//	h.Close(ctx)
//
// The dashboard's links begin at the root, so the hub needs an address of its own and
// cannot be mounted below a path.
//
// Config sets what is stored and for how long, which tokens callers need, and which
// checks the hub runs. A check can use any probe of package health, or one of package
// checks, which has probes for databases, caches and model servers. Importing package
// hub does not import their drivers.
package hub
