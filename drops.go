package kymo

import (
	"sync"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// dropSpan is the precision with which drops remember when they happened.
const dropSpan = 10 * time.Second

// maxDropSpans bounds what is remembered; later drops join the last.
const maxDropSpans = 64

// drops counts the requests that were dropped and not yet reported to the hub.
// A count leaves it with one batch, and comes back only if that batch is rejected
// or never tried, so the hub hears of each once. It is safe for concurrent use.
type drops struct {
	mu      sync.Mutex
	service string
	spans   []wire.Drop
}

func (d *drops) add(at time.Time, count uint64) {
	if count == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ms := clamp(at.Truncate(dropSpan).UnixMilli(), wire.MaxStart)
	d.addSpan(wire.Drop{Service: d.service, At: ms, Count: count})
}

func (d *drops) addSpan(span wire.Drop) {
	for i := range d.spans {
		if d.spans[i].At == span.At {
			d.spans[i].Count += span.Count
			return
		}
	}
	if len(d.spans) == maxDropSpans {
		d.spans[maxDropSpans-1].Count += span.Count
		return
	}
	d.spans = append(d.spans, span)
}

// take removes and returns all counts.
func (d *drops) take() []wire.Drop {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.spans
	d.spans = nil
	return taken
}

// restore brings back counts that were taken.
func (d *drops) restore(taken []wire.Drop) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, span := range taken {
		d.addSpan(span)
	}
}
