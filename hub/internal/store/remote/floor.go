package remote

import "sync/atomic"

// Floor is the instant (Unix milliseconds) before which everything was pruned, by
// whichever hub, as far as this one has heard. The zero Floor is 0, and ready to use by
// many goroutines.
type Floor struct{ ms atomic.Int64 }

// Load returns the instant.
func (f *Floor) Load() int64 { return f.ms.Load() }

// Raise moves the floor up to an instant, unless it is there.
func (f *Floor) Raise(ms int64) {
	for {
		old := f.ms.Load()
		if old >= ms || f.ms.CompareAndSwap(old, ms) {
			return
		}
	}
}

// Set moves the floor to an instant.
func (f *Floor) Set(ms int64) { f.ms.Store(ms) }
