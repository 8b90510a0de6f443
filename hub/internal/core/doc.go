// Package core is the hub at work, over whatever store and with whatever probes it
// is given.
//
//  1. New takes a validated configuration, asks the store which endpoints it has
//     already (hub.go), starts the checks (checks.go, services.go) and the loop that
//     keeps the store within its retention (retention.go).
//  2. ServeHTTP and Ship let requests in until Close, which waits for those in
//     flight (drain.go).
//  3. What the checks see goes to the store as their history (history.go).
//  4. Apply puts another configuration in force while all of this goes on (apply.go).
package core
