// Package fleet keeps the heartbeats of services' instances in memory and
// judges the services by them.
//
//  1. Observe takes in a heartbeat or a farewell: which instance sent it, when
//     it arrived, and how its checks stand. Silence is measured on the hub's
//     clock, so clocks of services need not be right.
//  2. A service that is not in the configuration is discovered by its first
//     heartbeat. It has left after the farewell of its last instance, or after a
//     day of silence.
//  3. A silent instance is removed when a newer one has superseded it, and
//     expires after ten minutes while others send heartbeats.
//  4. Probe is the check of a service. It weighs the last heartbeat of each
//     instance, and how long ago that was.
//
// Everything is bounded: services, instances, checks, farewells that are
// remembered, and the bytes of it all.
package fleet
