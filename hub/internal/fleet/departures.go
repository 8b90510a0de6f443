package fleet

import (
	"slices"
	"strings"
	"time"
)

const (
	// A heartbeat is late if the SDK closed its connection while the hub or a proxy
	// was still holding the request. SDKs do so after 2 s and send the farewell soon
	// after, so a minute is enough.
	rememberDeparture = time.Minute
	maxDepartures     = 1024
)

// departures remembers the instances that sent a farewell, so that a heartbeat
// that the farewell overtook does not bring an instance back. The zero value is
// ready for use.
type departures struct {
	known map[departed]departure
	order []departed // oldest first
}

// departed names an instance that sent a farewell.
type departed struct{ service, instance string }

type departure struct {
	at   time.Time // when the farewell arrived
	sent int64     // when it was sent, Unix milliseconds on the instance's clock
}

// add remembers a farewell; if there are too many, the oldest is forgotten.
func (d *departures) add(service, instance string, sent int64, at time.Time) {
	d.expire(at)
	key := departed{service, instance}
	if before, ok := d.known[key]; ok {
		d.known[key] = departure{before.at, max(before.sent, sent)}
		return
	}
	if len(d.order) == maxDepartures {
		d.forget(1)
	}
	if d.known == nil {
		d.known = make(map[departed]departure)
	}
	key.instance = strings.Clone(instance)
	d.known[key] = departure{at, sent}
	d.order = append(d.order, key)
}

// late reports whether a heartbeat was sent before the instance's farewell,
// though it arrives after it. One that was sent afterwards comes from a new
// run: names that SDKs make are distinct for each run, those that users choose
// may not be. Both times are the instance's, so its clock need not be right.
func (d *departures) late(service, instance string, sent int64, at time.Time) bool {
	farewell, ok := d.known[departed{service, instance}]
	return ok && at.Sub(farewell.at) <= rememberDeparture && sent <= farewell.sent
}

// expire forgets the farewells that are too old to matter.
func (d *departures) expire(now time.Time) {
	n := 0
	for n < len(d.order) && now.Sub(d.known[d.order[n]].at) > rememberDeparture {
		n++
	}
	d.forget(n)
}

// forget forgets the n oldest farewells.
func (d *departures) forget(n int) {
	for _, key := range d.order[:n] {
		delete(d.known, key)
	}
	d.order = slices.Delete(d.order, 0, n)
}
