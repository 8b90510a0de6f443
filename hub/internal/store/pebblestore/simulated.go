package pebblestore

import "time"

// Simulated returns the options of a store for tests in a bubble of testing/synctest, in
// which what usually takes minutes happens with every few batches: memory is how many
// requests it holds before they are flushed, durable is how many bytes Pebble takes
// before it is flushed, and age is how long either waits at most.
func (o Options) Simulated(memory, durable int, age time.Duration) Options {
	o.tuning = tuning{memory: memory, ceiling: 7 * memory, age: age, durable: durable, segment: 4 * durable, pause: time.Second, ends: true}
	return o
}
