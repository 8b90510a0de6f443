// Package fleet keeps the last heartbeat of each service's instances in memory, and
// derives the status of the services from them.
//
//  1. Observe, which is called with each heartbeat that the intake receives, keeps
//     the instance, the time of arrival and the status of its checks. Silence is
//     measured on the hub's clock, so clocks of services need not be right.
//  2. A service that is not in the configuration is discovered by its first
//     heartbeat. It has left after the farewell of its last instance, or after a
//     day of silence. OnChange reports both.
//     Resume brings back, after a restart of the hub, one that was known before.
//  3. A silent instance is removed when a newer one has superseded it, and
//     expires after ten minutes while others send heartbeats.
//  4. Probe is the check of a service: its result follows from the last heartbeat
//     of each instance, and how long ago that was.
//
// Everything is bounded: services, instances, checks, remembered farewells, and the
// bytes of all of them.
package fleet
