// Package core is the running hub, over any store and with any probes.
//
//  1. New takes a validated configuration, reads from the store which endpoints it
//     has (hub.go), and starts the checks (checks.go, services.go) and the loop that
//     applies the retention (retention.go).
//  2. ServeHTTP and Ship let requests in until Close, which waits for those in
//     flight (drain.go).
//  3. The results of the checks go to the store as their history (history.go).
//  4. Apply replaces the configuration while the hub runs (apply.go).
package core
