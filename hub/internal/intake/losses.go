package intake

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/internal/wire"
)

// losses counts the requests of one body that are not kept: by reason for the hub's
// own metrics, and by service and time for the reports. A loss counts at the time of
// the request itself, so that a report over a past window shows what that window
// lost, however late it arrived. What has no time, or one outside the span of starts
// that are accepted, counts at its arrival: stores keep nothing from before that span,
// and a service with a wrong clock must show in the reports of today.
type losses struct {
	now     int64 // of arrival, Unix milliseconds
	starts  span
	reasons [ingest.Reasons]uint64
	spans   map[lossSpan]uint64
}

type lossSpan struct {
	service string
	at      int64
}

// The precision of the times of losses: the first with which they fit into a batch.
// The last is for batches of many services, whose losses all count at their arrival.
var lossWidths = [...]time.Duration{10 * time.Second, time.Hour, 24 * time.Hour, 0}

func newLosses(now time.Time, starts span) losses {
	return losses{now: now.UnixMilli(), starts: starts}
}

// time returns the time at which a loss counts.
func (l *losses) time(start int64) int64 {
	if _, ok := l.starts.accepts(start); !ok || start < 0 {
		return l.now
	}
	return start
}

func (l *losses) add(reason ingest.Reason, service string, start int64) {
	l.reasons[reason]++
	l.addSpan(service, l.time(start), 1, lossWidths[0])
}

func (l *losses) addSpan(service string, at int64, count uint64, width time.Duration) {
	if l.spans == nil {
		l.spans = make(map[lossSpan]uint64)
	}
	if width == 0 {
		at = l.now
	} else if at != l.now {
		at = max(at-at%width.Milliseconds(), l.starts.from)
	}
	l.spans[lossSpan{service, at}] += count
}

// sum is how many requests were lost.
func (l *losses) sum() (n uint64) {
	for _, count := range l.reasons {
		n += count
	}
	return n
}

// moveTo adds the losses to the drops of a batch. If there is no room, both are
// added up over longer spans: a batch has far fewer services than drops.
func (l *losses) moveTo(b *wire.Batch) {
	if len(l.spans) == 0 {
		return
	}
	for _, width := range lossWidths[1:] {
		if len(b.Drops)+len(l.spans) <= wire.MaxDrops {
			break
		}
		fine := l.spans
		l.spans = nil
		for s, count := range fine {
			l.addSpan(s.service, s.at, count, width)
		}
		for _, d := range b.Drops {
			l.addSpan(d.Service, d.At, d.Count, width)
		}
		b.Drops = b.Drops[:0]
	}
	spans := slices.SortedFunc(maps.Keys(l.spans), func(a, b lossSpan) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.at, b.at))
	})
	for _, s := range spans[:min(len(spans), wire.MaxDrops-len(b.Drops))] {
		b.Drops = append(b.Drops, wire.Drop{Service: s.service, At: s.at, Count: l.spans[s]})
	}
	l.spans = nil
}
