package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/duration"
)

// maxNamed bounds how many checks a reason names.
const maxNamed = 3

// Probe returns the check of a service by the last heartbeats of its instances. Without
// a heartbeat it is unknown after silence and down after downAfter, not counting the time
// in which the hub was suspended. If expectedSince
// is not zero, the service is known from now on, even without instances, and down if
// there was no heartbeat until downAfter later.
func (f *Fleet) Probe(name string, silence, downAfter time.Duration, expectedSince time.Time) health.Probe {
	if !expectedSince.IsZero() {
		f.expect(name, silence)
	}
	return health.Probe{Kind: "service", Delay: downAfter, Run: func(context.Context) (health.Details, error) {
		now := f.now()
		t := f.tally(name, silence, now)
		if t.instances == 0 {
			return t.lastHeartbeat(), f.missing(t, now, silence, downAfter, expectedSince)
		}
		return t.details(), t.verdict(downAfter)
	}}
}

// expect makes a service known until it is dismissed.
func (f *Fleet) expect(name string, silence time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.services[name]
	if s == nil {
		s = &service{instances: make(map[string]*instance)}
		f.services[name] = s
	} else if !s.expected {
		f.discovered--
	}
	s.expected, s.silence = true, silence
}

// tally sums up the last heartbeats of a service's instances.
type tally struct {
	last    time.Time // of the last heartbeat or farewell; zero before the first
	awaited time.Time // since when one is awaited again, after a restart; zero if it came
	stopped bool      // that was the last instance's farewell

	instances, silent int
	shortest, longest time.Duration // of the silences
	statuses          [4]int        // instances that are not silent, by their status
	reason            string        // of an instance that is not healthy
	checks            []checkState  // of the instances that are not silent, worst first
	unkept            int
}

func (f *Fleet) tally(name string, silence time.Duration, now time.Time) *tally {
	t := &tally{}
	merged := make(map[string]checkState)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.services[name]
	if s == nil {
		return t
	}
	f.expire(s, now)
	t.last, t.awaited, t.stopped, t.instances = s.last, s.awaited, s.stopped, len(s.instances)
	for _, in := range s.instances {
		if quiet := f.attention.quiet(in.last, now); quiet > silence {
			if t.silent++; t.silent == 1 || quiet < t.shortest {
				t.shortest = quiet
			}
			t.longest = max(t.longest, quiet)
			continue
		}
		t.statuses[in.status]++
		if in.status != health.Healthy {
			t.reason = max(t.reason, in.reason) // of several the same one each time
		}
		t.unkept = max(t.unkept, in.unkept)
		for i := range in.checks {
			c := &in.checks[i]
			if other, ok := merged[c.name]; !ok || c.worse(&other) {
				merged[c.name] = *c
			}
		}
	}
	t.checks = slices.SortedFunc(maps.Values(merged), func(a, b checkState) int {
		return cmp.Or(cmp.Compare(severity(b.status), severity(a.status)), cmp.Compare(a.name, b.name))
	})
	return t
}

// remedy is what to do about a service that is not heard of.
const remedy = "; check that it runs and reaches the hub"

// missing returns the result for a service without instances.
func (f *Fleet) missing(t *tally, now time.Time, silence, downAfter time.Duration, expectedSince time.Time) error {
	quiet := f.attention.quiet(t.last, now)
	reason := "silent for " + duration.Seconds(quiet) + remedy
	switch {
	case t.last.IsZero() || !t.awaited.IsZero():
		since := later(expectedSince, t.awaited)
		waited := f.attention.quiet(since, now)
		if since.IsZero() || waited <= downAfter {
			return health.Unknownf("no instance has reported yet%s", remedy)
		}
		return errors.New("no instance has reported for " + duration.Seconds(waited) + remedy)
	case t.stopped:
		reason = "its last instance stopped; start one"
	}
	switch {
	case quiet > downAfter:
		return errors.New(reason)
	case quiet > silence:
		return health.Unknownf("%s", reason)
	}
	return health.Degradedf("%s", reason)
}

// verdict returns the result for a service with instances.
func (t *tally) verdict(downAfter time.Duration) error {
	live := t.instances - t.silent
	if live == 0 {
		if t.shortest > downAfter {
			return errors.New("silent for " + duration.Seconds(t.shortest) + remedy)
		}
		return health.Unknownf("silent for %s%s", duration.Seconds(t.shortest), remedy)
	}
	down, degraded := t.statuses[health.Down], t.statuses[health.Degraded]
	switch {
	case down == live:
		return errors.New(t.why())
	case down+degraded+t.silent > 0:
		return health.Degradedf("%s", t.why())
	case t.statuses[health.Healthy] == 0:
		return health.Unknownf("no instance knows its health; see the checks of each")
	}
	return nil
}

// why describes how many instances are not healthy, and which checks are not.
func (t *tally) why() string {
	var parts []string
	if t.silent > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d instances silent for up to %s", t.silent, t.instances, duration.Seconds(t.longest)))
	}
	for _, s := range []health.Status{health.Down, health.Degraded} {
		if n := t.statuses[s]; n > 0 && t.instances > 1 {
			parts = append(parts, fmt.Sprintf("%d of %d instances %s", n, t.instances, s))
		}
	}
	named := 0
	for i := range t.checks {
		c := &t.checks[i]
		if c.status == health.Healthy {
			break
		}
		if named++; named > maxNamed {
			parts = append(parts, "…")
			break
		}
		text := c.name + " is " + c.status.String()
		if c.reason != "" {
			text += ": " + c.reason
		}
		parts = append(parts, text)
	}
	switch {
	case named > 0:
	case t.reason != "":
		parts = append(parts, t.reason)
	case len(parts) == 0: // one instance, which gives no reason
		s := health.Degraded
		if t.statuses[health.Down] > 0 {
			s = health.Down
		}
		parts = append(parts, "says it is "+s.String())
	}
	return strings.Join(parts, "; ")
}
