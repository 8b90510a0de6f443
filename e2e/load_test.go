package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// parcel is a body that has to reach the hub once.
type parcel struct {
	path   string
	header []string
	body   []byte
	events []event
}

// sender posts parcels, each until the hub has acknowledged it, and now and then
// one more time that the hub has acknowledged before.
type sender struct {
	t            *testing.T
	h            *hub
	r            *rand.Rand
	make         func(n int) parcel
	acknowledged *atomic.Int64 // parcels, of all senders
	o            *oracle
}

// keptParcels is how many old parcels a sender remembers.
const keptParcels = 64

// run sends a parcel each tick until stop is closed.
func (s *sender) run(every time.Duration, stop <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var old []parcel
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-s.t.Context().Done():
			return
		case <-tick.C:
		}
		p := s.make(n)
		r, attempts, err := s.deliver(p)
		if s.t.Context().Err() != nil {
			return // The test has failed already.
		}
		if err != nil || r.Accepted != len(p.events) || r.Dropped != 0 || r.Duplicate && attempts == 1 {
			s.t.Errorf("%s: attempt %d to send %d requests: %+v, %v", p.path, attempts, len(p.events), r, err)
			return
		}
		s.o.add(p.events...)
		s.acknowledged.Add(1)

		if len(old) < keptParcels {
			old = append(old, p)
		} else {
			old[s.r.IntN(keptParcels)] = p
		}
		if s.r.IntN(4) > 0 {
			continue
		}
		p = old[s.r.IntN(len(old))]
		if r, _, err := s.deliver(p); (err != nil || !r.Duplicate) && s.t.Context().Err() == nil {
			s.t.Errorf("%s: the hub acknowledged a body, and forgot it: %+v, %v", p.path, r, err)
			return
		}
	}
}

// deliver retries until the hub acknowledges.
func (s *sender) deliver(p parcel) (r receipt, attempts int, err error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		attempts++
		a, err := s.h.post(p.path, bytes.NewReader(p.body), p.header...)
		switch {
		case err == nil && a.status != http.StatusServiceUnavailable:
			r, err = a.receipt()
			return r, attempts, err
		case time.Now().After(deadline), s.t.Context().Err() != nil:
			return r, attempts, fmt.Errorf("the hub does not take it: %d %s %w", a.status, a.body, err)
		}
	}
}

// batchMaker returns a maker of parcels as the SDK sends them.
func batchMaker(r *rand.Rand, service, instance string, most int) func(n int) parcel {
	return func(n int) parcel {
		events := makeEvents(r, service, 1+r.IntN(most), time.Now())
		return parcel{
			batchesPath, asBatch,
			encodeBatch(events, instance, uint64(n)), events,
		}
	}
}

// arrayMaker returns a maker of parcels as other languages send them.
func arrayMaker(r *rand.Rand, service, instance string, most int) func(n int) parcel {
	return func(n int) parcel {
		events := makeEvents(r, service, 1+r.IntN(most), time.Now())
		return parcel{
			requestsPath, append(asJSON, "Idempotency-Key", fmt.Sprintf("%s-%d", instance, n)),
			encodeArray(events), events,
		}
	}
}
