package maintenance

import (
	"reflect"
	"time"
)

// Schedule is a window that was understood. It does not change.
type Schedule struct {
	Window
	zone        *time.Location
	from, until time.Time // zero is none; a single window has both
	every       *every    // nil if it is a single window
}

// Recurs reports whether the window is more than a single one.
func (s *Schedule) Recurs() bool { return s.every != nil }

// Same reports whether another schedule is of the same window: what is not about when and
// where may differ.
func (s *Schedule) Same(other *Schedule) bool {
	a, b := s.Window, other.Window
	a.Comment, a.By = b.Comment, b.By
	return reflect.DeepEqual(a, b)
}

// Spans returns when the window is in force, as far as that has a part in [from, to), the
// earliest first and without overlaps. They are whole, also beyond from and to.
func (s *Schedule) Spans(from, to time.Time) []Span {
	var spans []Span
	add := func(begin, end time.Time) {
		if !end.After(from) || !begin.Before(to) {
			return
		}
		span := Span{Name: s.Name, Where: *s.Where, From: begin.UnixMilli(), To: end.UnixMilli()}
		if n := len(spans); n > 0 && spans[n-1].To >= span.From {
			spans[n-1].To = max(spans[n-1].To, span.To)
			return
		}
		spans = append(spans, span)
	}
	if s.every == nil {
		add(s.from, s.until)
		return spans
	}
	const day = 24 * time.Hour
	local := from.Add(-s.For - 2*day).In(s.zone)
	date := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC) // a date alone, as if in UTC
	for last := to.Add(2 * day); date.Before(last); date = date.Add(day) {
		if !s.every.on(date) {
			continue
		}
		begin := first(date.Add(time.Duration(s.every.hour)*time.Hour+time.Duration(s.every.minute)*time.Minute), s.zone)
		if s.begins(begin) {
			add(begin, begin.Add(s.For))
		}
	}
	return spans
}

// begins reports whether a window that recurs may begin at an instant.
func (s *Schedule) begins(at time.Time) bool {
	return (s.from.IsZero() || !at.Before(s.from)) && (s.until.IsZero() || at.Before(s.until))
}
