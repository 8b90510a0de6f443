// Package health watches what a service stands on.
//
//  1. A Probe looks at one thing, a database say, once (probe.go). The package
//     has probes for what the standard library can speak to; any function is one.
//  2. A Registry runs each Check, a probe with a name and rules, in its own
//     rhythm (registry.go, schedule.go), and waits for none of them longer than its
//     time limit (run.go).
//  3. What a probe saw goes through a state machine (state.go): one failure is
//     not an outage, one success no recovery, and a check that goes back and
//     forth is said to be flapping instead.
//  4. A Report is how things stand, read from memory (report.go). Handlers
//     answer with it (handler.go): /health, and Kubernetes' three probes.
//
// Traffic (traffic.go) takes the verdict from the calls that the service makes
// anyway, so that a dependency in use is not probed on top.
package health
