package kymo

import (
	"slices"
	"sync"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// dropWidths are the precisions with which drops remember when they happened: as many
// as there are in a long outage are merged over longer times.
var dropWidths = [...]time.Duration{10 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// maxDropSpans bounds what is remembered.
const maxDropSpans = 64

// retryReasons is how long reasons are left out after the hub has rejected some. A hub that
// is upgraded meanwhile gets them again.
const retryReasons = time.Hour

// drops counts the requests that were dropped and not yet reported to the hub, by time and
// reason. A count leaves it with one batch, and comes back only if that batch is rejected
// or never tried, so the hub hears of each once. It is safe for concurrent use.
type drops struct {
	mu      sync.Mutex
	service string
	spans   []wire.Drop
	width   int       // the index into dropWidths of the spans' precision
	refused time.Time // when the hub rejected reasons; zero if it did not
}

func (d *drops) add(at time.Time, reason wire.DropReason, count uint64) {
	if count == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addSpan(wire.Drop{Service: d.service, At: clamp(at.UnixMilli(), wire.MaxStart), Reason: reason, Count: count})
}

func (d *drops) addSpan(span wire.Drop) {
	for {
		width := dropWidths[d.width].Milliseconds()
		at := span.At - span.At%width
		i := slices.IndexFunc(d.spans, func(s wire.Drop) bool { return s.At == at && s.Reason == span.Reason })
		last := d.width == len(dropWidths)-1
		if i < 0 && len(d.spans) == maxDropSpans && last {
			i = maxDropSpans - 1 // months without a hub
		}
		switch {
		case i >= 0:
			d.spans[i].Count += span.Count
			return
		case len(d.spans) < maxDropSpans:
			span.At = at
			d.spans = append(d.spans, span)
			return
		}
		fine := d.spans
		d.spans = nil
		d.width++
		for _, s := range fine {
			d.addSpan(s)
		}
	}
}

// take removes and returns all counts.
func (d *drops) take() []wire.Drop {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.spans
	d.spans, d.width = nil, 0
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

// withReasons reports whether batches have the reasons. Hubs of an earlier version reject
// batches with some.
func (d *drops) withReasons(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused.IsZero() || now.Sub(d.refused) >= retryReasons
}

// encodable returns drops that were taken as a batch is to have them.
func (d *drops) encodable(now time.Time, taken []wire.Drop) []wire.Drop {
	if len(taken) == 0 || d.withReasons(now) {
		return taken
	}
	plain := slices.Clone(taken)
	for i := range plain {
		plain[i].Reason = wire.UnknownReason
	}
	return plain
}

// rejected brings back the counts of a batch that was rejected. The next ones leave the
// reasons out.
func (d *drops) rejected(now time.Time, taken []wire.Drop) {
	if len(taken) == 0 {
		return
	}
	d.restore(taken)
	if d.withReasons(now) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.refused = now
	}
}
