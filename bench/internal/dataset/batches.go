package dataset

import "iter"

// Batches yields the requests in slices of size, the last one possibly shorter.
// A slice is valid until the next is asked for.
func (c Config) Batches(size int) iter.Seq[[]Event] {
	return func(yield func([]Event) bool) {
		batch := make([]Event, 0, size)
		for e := range c.Events() {
			batch = append(batch, *e)
			if len(batch) == size {
				if !yield(batch) {
					return
				}
				batch = batch[:0]
			}
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}
