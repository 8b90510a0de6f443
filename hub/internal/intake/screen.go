package intake

import (
	"math"
	"slices"
	"time"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// maxAhead is how far a request's start may lie ahead of the hub's clock.
const maxAhead = 24 * time.Hour

// span is the starts that are accepted, [from, to), in Unix milliseconds.
type span struct{ from, to int64 }

// always accepts every start.
var always = span{math.MinInt64, math.MaxInt64}

// span returns which starts are accepted. Those from before the store's floor
// are not, since no query would find them. While the clock is in doubt, what is right
// by any of the clocks is accepted.
func (in *Intake) span() span {
	s := span{in.clock.Past().Add(-in.Retention()).UnixMilli(), in.clock.Future().Add(maxAhead).UnixMilli()}
	if f, ok := in.store.(store.Floorer); ok {
		s.from = max(s.from, f.Floor())
	}
	return s
}

// Accepts returns which starts of requests are accepted: [from, to).
func (in *Intake) Accepts() (from, to time.Time) {
	s := in.span()
	return time.UnixMilli(s.from), time.UnixMilli(s.to)
}

// accepts reports whether a start lies in the span, and if not, the reason.
func (s span) accepts(start int64) (reason ingest.Reason, ok bool) {
	switch {
	case start < s.from:
		return ingest.TooOld, false
	case start >= s.to:
		return ingest.InFuture, false
	}
	return 0, true
}

// prefix returns how many starts are accepted before the first that is not.
func (s span) prefix(starts []int64) int {
	for i, start := range starts {
		if start < s.from || start >= s.to {
			return i
		}
	}
	return len(starts)
}

// problem describes a start that is not accepted, by the reason.
func (s span) problem(reason ingest.Reason) string {
	if reason == ingest.TooOld {
		return "is older than this hub's retention; must be " + rfc3339(s.from) + " or later"
	}
	return "is too far in the future; must be before " + rfc3339(s.to)
}

func rfc3339(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// screen removes and counts the requests of a batch that do not start within s,
// so that one request with a wrong time does not cause the others to be lost.
func screen(b *wire.Batch, s span, lost *losses) {
	n := s.prefix(b.Start)
	if n == b.Len() {
		return // as is usual
	}
	for i := n; i < b.Len(); i++ {
		start := b.Start[i]
		if reason, ok := s.accepts(start); !ok {
			lost.add(reason, b.Keys[b.Key[i]].Service, start)
			continue
		}
		b.Move(n, i)
		n++
	}
	b.Truncate(n)
}

// screenHealth removes the health results that end before s or begin after it, and
// returns how many it removed.
func screenHealth(b *wire.Batch, s span) (removed int) {
	n := len(b.Health)
	b.Health = slices.DeleteFunc(b.Health, func(r wire.HealthResult) bool { return r.To < s.from || r.From >= s.to })
	return n - len(b.Health)
}
