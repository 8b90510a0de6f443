package intake

import (
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// future is how far a request's start may lie ahead of the hub's clock.
const future = 24 * time.Hour

// screen removes the requests that do not start in [from, to), adds them to the
// drops of their service at now, and returns how many they were. A service with
// a wrong clock thus shows in its reports, and its other requests are kept.
func screen(b *wire.Batch, from, to, now int64) (removed int) {
	for i := range b.Drops {
		if at := b.Drops[i].At; at < from || at >= to {
			b.Drops[i].At = now
		}
	}
	for _, start := range b.Start {
		if start < from || start >= to {
			removed++
		}
	}
	if removed == 0 {
		return 0
	}
	lost := make(map[string]uint64)
	n := 0
	for i, start := range b.Start {
		if start < from || start >= to {
			lost[b.Keys[b.Key[i]].Service]++
			continue
		}
		b.Key[n], b.User[n], b.Start[n], b.Duration[n] = b.Key[i], b.User[i], start, b.Duration[i]
		b.FirstByte[n], b.Lifetime[n], b.Size[n] = b.FirstByte[i], b.Lifetime[i], b.Size[i]
		if len(b.Error) > 0 {
			b.Error[n] = b.Error[i]
		}
		n++
	}
	b.Key, b.User, b.Start, b.Duration = b.Key[:n], b.User[:n], b.Start[:n], b.Duration[:n]
	b.FirstByte, b.Lifetime, b.Size = b.FirstByte[:n], b.Lifetime[:n], b.Size[:n]
	b.Error = b.Error[:min(n, len(b.Error))]
	addDrops(b, lost, now)
	return removed
}

// addDrops adds counts to the batch's drops. If there is no room, the drops are
// summed up by service first: a batch has far fewer services than drops.
func addDrops(b *wire.Batch, lost map[string]uint64, now int64) {
	if len(b.Drops)+len(lost) > wire.MaxDrops {
		for _, d := range b.Drops {
			lost[d.Service] += d.Count
		}
		b.Drops = b.Drops[:0]
	}
	for service, count := range lost {
		if len(b.Drops) == wire.MaxDrops {
			return
		}
		b.Drops = append(b.Drops, wire.Drop{Service: service, At: now, Count: count})
	}
}
