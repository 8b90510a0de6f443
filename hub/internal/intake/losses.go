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
// the request itself, so that a report over a past window shows what that window lost,
// however late it arrived. A loss without a time, or with one outside the accepted
// span of starts, counts at its arrival: stores keep nothing from before that span,
// and a service with a wrong clock must show in today's reports. Those keep apart what is
// too old, which is not missing from their numbers, unless a clock is wrong.
//
// A body can consist only of losses, each of another service and time, so there are
// never more spans than a batch has room for: too many are merged over longer times,
// and if there are too many services, the rest count under OtherServices. The sum is
// always exact.
type losses struct {
	now     int64 // of arrival, Unix milliseconds
	starts  span
	reasons [ingest.Reasons]uint64
	spans   map[lossSpan]uint64
	width   int // the index into lossWidths of the spans' precision
}

type lossSpan struct {
	service string
	at      int64
	reason  wire.DropReason
}

// OtherServices is the service of losses whose own service the hub does not know, or
// of too many services. It does not count as a service.
const OtherServices = wire.Other

// The precisions of the times of losses; the first with which they fit into a batch
// is used. The last is for losses of many services, which all count at their
// arrival.
var lossWidths = [...]time.Duration{10 * time.Second, time.Hour, 24 * time.Hour, 0}

// maxSpans leaves some of a batch's drops for the rest, one for each reason.
const maxSpans = wire.MaxDrops - int(wire.DropReasons)

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

// place moves a drop that a service reports to where it counts.
func (l *losses) place(d *wire.Drop) {
	if reason, ok := l.starts.accepts(d.At); !ok && reason == ingest.TooOld {
		d.Reason = wire.TooOld
	}
	d.At = l.time(d.At)
}

func (l *losses) add(reason ingest.Reason, service string, start int64) {
	l.reasons[reason]++
	l.addSpan(lossSpan{service, l.time(start), reason.Drop()}, 1)
}

func (l *losses) addSpan(exact lossSpan, count uint64) {
	if l.spans == nil {
		l.spans = make(map[lossSpan]uint64)
	}
	for {
		s := lossSpan{exact.service, l.round(exact.at), exact.reason}
		if _, ok := l.spans[s]; ok || len(l.spans) < maxSpans {
			l.spans[s] += count
			return
		}
		if l.width == len(lossWidths)-1 {
			l.addRest(exact.reason, count)
			return
		}
		l.widen()
	}
}

// addRest counts losses of services for which there is no room, which there is for each
// reason.
func (l *losses) addRest(reason wire.DropReason, count uint64) {
	l.spans[lossSpan{OtherServices, l.now, reason}] += count
}

// round returns the beginning of a time's span.
func (l *losses) round(at int64) int64 {
	width := lossWidths[l.width].Milliseconds()
	if width == 0 || at == l.now {
		return l.now
	}
	return max(at-at%width, l.starts.from)
}

// widen merges the spans over the next longer times.
func (l *losses) widen() {
	l.width++
	fine := l.spans
	l.spans = make(map[lossSpan]uint64)
	for s, count := range fine {
		l.spans[lossSpan{s.service, l.round(s.at), s.reason}] += count
	}
}

// sum returns how many requests were lost.
func (l *losses) sum() (n uint64) {
	for _, count := range l.reasons {
		n += count
	}
	return n
}

// moveTo adds the losses to the drops of a batch; those of services that are not
// known count under OtherServices. If there is no room for both, they are merged.
func (l *losses) moveTo(b *wire.Batch, known func(service string) bool) {
	if len(l.spans) == 0 {
		return
	}
	own := l.spans
	l.spans = make(map[lossSpan]uint64)
	for s, count := range own {
		if !known(s.service) {
			s.service = OtherServices
		}
		l.spans[s] += count
	}
	if len(b.Drops)+len(l.spans) > wire.MaxDrops {
		for _, d := range b.Drops {
			l.addSpan(lossSpan{d.Service, d.At, d.Reason}, d.Count)
		}
		b.Drops = b.Drops[:0]
	}
	spans := slices.SortedFunc(maps.Keys(l.spans), func(a, b lossSpan) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.at, b.at), cmp.Compare(a.reason, b.reason))
	})
	for _, s := range spans {
		b.Drops = append(b.Drops, wire.Drop{Service: s.service, At: s.at, Reason: s.reason, Count: l.spans[s]})
	}
	l.spans = nil
}
