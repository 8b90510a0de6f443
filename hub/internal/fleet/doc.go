// Package fleet keeps in memory what the instances of services say of
// themselves, and judges the services by it.
//
//  1. Observe takes in a batch of presence: who says it, when it arrived, and how
//     its checks stand. Clocks of services do not matter.
//  2. A service that nobody named is discovered by its first word, and has left
//     after its last instance's last one, or after a day of silence.
//  3. Probe is the check of a service: it weighs what its instances said last,
//     and how long ago.
//
// Everything is bounded: services, instances, checks and the bytes of it all.
package fleet
