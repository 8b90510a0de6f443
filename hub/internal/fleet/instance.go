package fleet

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

const (
	// maxChecks bounds the checks that are kept of an instance: the worst ones.
	maxChecks = 100
	// maxReason bounds why one of them is not healthy, in bytes: many must fit
	// into the service's details.
	maxReason = 160

	minInstanceBytes = 384 // bytes that an instance takes at least, with its name
	minCheckBytes    = 96  // and a check beside its texts
)

// instance is one run of a service's process, with its last heartbeat.
type instance struct {
	id          string
	first, last time.Time // when its heartbeats arrived
	superseding bool      // another instance, which it replaces
	superseded  bool      // it is about to be removed

	status health.Status // of the service as the instance sees it
	reason string
	checks []checkState
	unkept int // checks beyond those
	bytes  int
}

// checkState is the status of a check in one instance, or its worst in several.
type checkState struct {
	name    string
	status  health.Status
	reason  string
	latency time.Duration // of its last run
}

// newInstance returns the instance that sent a heartbeat, as if it was its
// first. It copies what it keeps: the batch is used again.
func newInstance(service string, b *wire.Batch, at time.Time) *instance {
	in := &instance{id: strings.Clone(b.Instance), first: at, last: at, bytes: minInstanceBytes}
	var found []*wire.HealthResult
	for i := range b.Health {
		switch r := &b.Health[i]; {
		case r.Service != service:
		case r.Check == "":
			in.status, in.reason = r.Status, strings.Clone(wire.Clean(r.Reason, maxReason))
		default:
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b *wire.HealthResult) int {
		return cmp.Or(cmp.Compare(severity(b.Status), severity(a.Status)), cmp.Compare(a.Check, b.Check))
	})
	if len(found) > maxChecks {
		in.unkept = len(found) - maxChecks
		found = found[:maxChecks]
	}
	in.checks = make([]checkState, len(found))
	for i, r := range found {
		c := checkState{name: strings.Clone(r.Check), status: r.Status, reason: strings.Clone(wire.Clean(r.Reason, maxReason))}
		if r.Latency.Count() > 0 {
			c.latency = time.Duration(r.Latency.Max())
		}
		in.checks[i] = c
		in.bytes += minCheckBytes + len(c.name) + len(c.reason)
	}
	in.bytes += len(in.reason)
	return in
}

// follow makes this heartbeat one that came after before, of the same instance.
func (in *instance) follow(before *instance) {
	in.first, in.last = before.first, later(before.last, in.last)
	in.superseding = before.superseding
}

// severity orders statuses from good to bad: unknown is worse than healthy, and
// better than degraded.
func severity(s health.Status) int {
	switch s {
	case health.Healthy:
		return 0
	case health.Unknown:
		return 1
	}
	return int(s)
}

// worse reports whether a is worse than b, the state of the same check in another
// instance. The worst one is shown.
func (a *checkState) worse(b *checkState) bool {
	return cmp.Or(cmp.Compare(severity(a.status), severity(b.status)), cmp.Compare(a.latency, b.latency),
		cmp.Compare(a.reason, b.reason)) > 0
}
