package fleet

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/wire"
)

const (
	// maxChecks bounds the checks that are kept of an instance: the worst ones.
	maxChecks = 100
	// maxReason bounds why one of them is not healthy, in bytes: many must fit
	// into the service's details.
	maxReason = 160

	leastInstance = 384 // bytes that an instance takes at least, with its name
	leastCheck    = 96  // and a check beside its texts
)

// instance is the last word of an instance.
type instance struct {
	heard  time.Time
	status health.Status // of the service as the instance sees it
	reason string
	checks []checkState
	unkept int // checks beyond those
	bytes  int
}

// checkState is how a check stands, in one instance or, at worst, in several.
type checkState struct {
	name    string
	status  health.Status
	reason  string
	latency time.Duration // of its last run
}

// newInstance copies what the batch says of the service: its memory is not ours.
func newInstance(service string, b *wire.Batch, at time.Time) *instance {
	in := &instance{heard: at, bytes: leastInstance}
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
		in.bytes += leastCheck + len(c.name) + len(c.reason)
	}
	in.bytes += len(in.reason)
	return in
}

// severity orders statuses from good to bad: not to know is worse than healthy,
// and better than to know of trouble.
func severity(s health.Status) int {
	switch s {
	case health.Healthy:
		return 0
	case health.Unknown:
		return 1
	}
	return int(s)
}

// worse says whether a is to be shown rather than b, of one check in two instances.
func (a *checkState) worse(b *checkState) bool {
	return cmp.Or(cmp.Compare(severity(a.status), severity(b.status)), cmp.Compare(a.latency, b.latency),
		cmp.Compare(a.reason, b.reason)) > 0
}
