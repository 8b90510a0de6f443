// Package maintenance knows when something is meant to be out of order.
//
//  1. A Window is as a person wrote it: an entry of "maintenance" in the configuration.
//  2. Parse makes a Schedule of it, or returns the error of a field (every.go,
//     wall.go).
//  3. A Schedule has spans of time: when it was, is or will be in force (schedule.go).
//  4. Of those that concern a check, Merge makes a list without overlaps (span.go).
//  5. A span that was in force is kept as a result of the check Series (row.go), so that
//     the history stays true after the configuration changed.
//
// A window changes no status. It is shown, and the time in it is left out of uptimes.
package maintenance

import (
	"time"
	_ "time/tzdata" // for containers that have no zones

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/duration"
)

// Window is a maintenance window. It has From and either Until or For if it is a single
// one, and Every and For if it recurs; then From and Until may bound when it begins.
type Window struct {
	Name    string
	Where   *Where // what it concerns; must not be nil
	From    string // RFC 3339, or a date and a time in Zone: "2026-11-29 02:00"
	Until   string // as From; exclusive
	Every   string // days and a time in Zone: "Sun 02:00", see parseEvery
	For     time.Duration
	Zone    string // its IANA name; "" is UTC
	Comment string
	By      string // who entered it
}

// Where selects checks. An empty field selects all.
type Where struct {
	// Service is a service: its check by the hub, and its own.
	Service string
	// Check is the name of a check, of the hub's own or within a service.
	Check string
}

// Bounds of For.
const (
	minFor = time.Minute
	maxFor = 7 * 24 * time.Hour
)

// maxText bounds a comment and who entered it, in bytes.
const maxText = 500

// Parse returns the schedule of a window. The error is a *health.FieldError, of a field
// in snake case.
func Parse(w *Window) (*Schedule, error) {
	s := &Schedule{Window: *w, zone: time.UTC}
	if err := health.ValidateName(w.Name); err != nil {
		return nil, err
	}
	if w.Where == nil {
		return nil, errorf("where", "is missing; write {service: shop} or {check: database}, or {} for everything")
	}
	for _, text := range []struct{ field, text string }{{"comment", w.Comment}, {"by", w.By}} {
		if len(text.text) > maxText {
			return nil, errorf(text.field, "has %d bytes; at most %d", len(text.text), maxText)
		}
	}
	var err error
	if s.zone, err = zone(w.Zone); err != nil {
		return nil, err
	}
	for _, end := range []struct {
		field, text string
		into        *time.Time
	}{{"from", w.From, &s.from}, {"until", w.Until, &s.until}} {
		if end.text == "" {
			continue
		}
		if *end.into, err = instant(end.text, s.zone); err != nil {
			return nil, errorf(end.field, "%w", err)
		}
	}
	if w.From != "" && w.Until != "" && !s.from.Before(s.until) {
		return nil, errorf("until", "%q is not after from, %q", w.Until, w.From)
	}
	if w.For != 0 && (w.For < minFor || w.For > maxFor) {
		return nil, errorf("for", "is %s; must be from %s to %s", duration.Text(w.For), duration.Text(minFor), duration.Text(maxFor))
	}
	if w.Every == "" {
		return s, s.single()
	}
	if w.For == 0 {
		return nil, errorf("for", "is missing; write how long it lasts, like 1h")
	}
	if s.every, err = parseEvery(w.Every); err != nil {
		return nil, errorf("every", "%w", err)
	}
	return s, nil
}

// single completes the schedule of a window that does not recur.
func (s *Schedule) single() error {
	switch {
	case s.From == "" && s.Until == "":
		return errorf("every", `is missing; write days and a time, like "Sun 02:00", or from and until for a single window`)
	case s.From == "":
		return errorf("from", "is missing; write when the window begins, like 2026-11-29 02:00")
	case s.Until != "" && s.For != 0:
		return errorf("for", "is given besides until; leave one of them out")
	case s.Until == "" && s.For == 0:
		return errorf("until", "is missing; write when the window ends, like 2026-11-29 03:00, or for how long")
	case s.Until == "":
		s.until = s.from.Add(s.For)
	}
	return nil
}
