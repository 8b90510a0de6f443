// Package intake takes what arrived to the store.
//
// A body comes in after its transport is taken off: decompressed, within limits
// of size, and of a known type. An encoded batch is decoded, any other body is
// read by package ingest. From there all take the same way. Requests that are too
// old or too far in the future become counted drops (screen.go), and a batch that
// came without an identity gets one (identity.go). The registry knows the services and
// their endpoints, which package template makes of raw paths (registry.go), and holds
// both to their limits: requests over the limit of endpoints are counted under
// wire.Other (cap.go). The batches of one body are appended to the store together
// (intake.go). Heartbeats are passed on and not kept. What was kept and what was
// not is counted (counters.go).
package intake
