package report

import (
	"cmp"
	"slices"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// edge is the beginning or the end of the time for which a result holds.
type edge struct {
	at     int64
	record *store.HealthRecord
	begins bool
}

// order is the sort key of edges: their time, and at the same instant ends before
// beginnings.
func (e *edge) order() int64 {
	if e.begins {
		return 2*e.at + 1
	}
	return 2 * e.at
}

// timeline makes segments of the results of one check: they follow each other
// without a gap, from the first instant of the window that is known, and no two
// neighbors have the same status. The records may be in any order.
func timeline(records []*store.HealthRecord, window rollup.Window, bridge int64) []segment {
	records = slices.SortedStableFunc(slices.Values(records), store.CompareSpans)
	edges := edgesOf(records, bridge)
	slices.SortStableFunc(edges, func(a, b edge) int { return cmp.Compare(a.order(), b.order()) })
	var segments []segment
	standing := make(map[string]*store.HealthRecord) // by instance
	for i := 0; i < len(edges); {
		at := edges[i].at
		for ; i < len(edges) && edges[i].at == at; i++ {
			r := edges[i].record
			switch {
			case edges[i].begins:
				standing[r.Instance] = r
			case standing[r.Instance] == r:
				delete(standing, r.Instance)
			}
		}
		next := window.To
		if i < len(edges) {
			next = edges[i].at
		}
		segments = join(segments, worst(at, next, standing))
	}
	return cut(bridged(segments, bridge), window, bridge)
}

// edgesOf returns the beginnings and ends of the results. A result holds until
// the next one of its instance, if that follows soon, otherwise until its own
// end. It holds for at least a millisecond, so that the newest result is not
// lost.
func edgesOf(records []*store.HealthRecord, bridge int64) []edge {
	edges := make([]edge, 0, 2*len(records))
	next := make(map[string]int64) // by instance: when its next result begins
	for _, r := range slices.Backward(records) {
		end := max(r.To, r.From+1)
		if n, ok := next[r.Instance]; ok && n-r.To <= bridge {
			end = n
		}
		next[r.Instance] = r.From
		edges = append(edges, edge{r.From, r, true}, edge{end, r, false})
	}
	slices.Reverse(edges)
	return edges
}

// worst returns the segment in which these results hold.
func worst(from, to int64, standing map[string]*store.HealthRecord) segment {
	s := segment{from: from, to: to}
	for _, r := range standing {
		// Of several, the earliest is taken, so that the answer is
		// deterministic.
		if r.Status > s.status || r.Status == s.status && (r.From < s.cause.From || r.From == s.cause.From && r.Instance < s.cause.Instance) {
			s.status, s.cause = r.Status, r
		}
	}
	if s.status > health.Healthy {
		s.explainedBy = s.cause.ExplainedBy()
	}
	return s
}

// join appends a segment, or extends the last one if it has the same status.
func join(segments []segment, s segment) []segment {
	if s.from >= s.to {
		return segments
	}
	if n := len(segments); n > 0 && segments[n-1].status == s.status {
		segments[n-1].to = s.to
		segments[n-1].explainedBy = cmp.Or(segments[n-1].explainedBy, s.explainedBy)
		return segments
	}
	return append(segments, s)
}

// split cuts segments where maintenance begins or ends, and notes which of the parts are
// in it.
func split(segments []segment, maintenance []Maintenance) []segment {
	if len(maintenance) == 0 {
		return segments
	}
	var parts []segment
	for _, s := range segments {
		for len(maintenance) > 0 && maintenance[0].From < s.to {
			m := maintenance[0]
			if m.To > s.from {
				before, within := s, s
				before.to = max(m.From, s.from)
				within.from, within.to, within.maintenance = before.to, min(m.To, s.to), m.Name
				if before.from < before.to {
					parts = append(parts, before)
				}
				parts = append(parts, within)
				s.from = within.to
			}
			if m.To > s.to {
				break // it goes on in the next segment
			}
			maintenance = maintenance[1:]
		}
		if s.from < s.to {
			parts = append(parts, s)
		}
	}
	return parts
}

// bridged extends a status over gaps that are no longer than bridge.
func bridged(segments []segment, bridge int64) []segment {
	var joined []segment
	for i, s := range segments {
		inside := i > 0 && i < len(segments)-1
		if s.status == health.Unknown && inside && s.to-s.from <= bridge {
			s.status, s.cause = segments[i-1].status, segments[i-1].cause
		}
		joined = join(joined, s)
	}
	return joined
}

// cut limits the segments to the window. Unknown time is removed at its
// beginning, and up to bridge of it at the end, where the next result is not due
// yet.
func cut(segments []segment, window rollup.Window, bridge int64) []segment {
	var inside []segment
	for i, s := range segments {
		if last := i == len(segments)-1; last && s.status == health.Unknown && s.to-s.from <= bridge {
			continue
		}
		s.from, s.to = max(s.from, window.From), min(s.to, window.To)
		if len(inside) == 0 && s.status == health.Unknown {
			continue
		}
		inside = join(inside, s)
	}
	return inside
}
