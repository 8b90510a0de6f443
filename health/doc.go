// Package health checks the dependencies of a service.
//
//  1. A Probe tries one thing once, such as a query to a database (probe.go). The
//     package has probes for what the standard library can connect to; any other
//     function can be one.
//  2. A Registry runs each check, a probe with a name and Rules, at its own interval
//     (registry.go, schedule.go), and waits no longer for any of them than its timeout
//     (run.go).
//  3. The Result of each run goes through a state machine (state.go): one failure is
//     not an outage, one success is not a recovery, and a check whose results alternate
//     is flapping.
//  4. A Report is the state of all checks, read from memory (report.go). Handlers
//     answer with it (handler.go): /health, and Kubernetes' three probes.
//
// Traffic (traffic.go) derives a check's status from the calls that the service makes
// anyway, so that a dependency in use need not be probed as well.
package health
