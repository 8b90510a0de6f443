// Package intake passes what arrives on to the store.
//
// A body comes in decompressed, within the size limits, and of a known type. An
// encoded batch is decoded; any other body is read by package ingest. From then on
// both are handled in the same way. Requests that are too old or too far in the future
// become counted drops (screen.go), and a batch that came without an identity gets one
// (identity.go). The registry knows the services and their endpoints, which package
// template makes of raw paths (registry.go), and holds both to their limits: requests
// over the limit of endpoints are counted under wire.Other (cap.go). The batches of
// one body are appended to the store together (intake.go). Heartbeats are passed on
// and not kept. All that is kept or dropped is counted (counters.go).
package intake
