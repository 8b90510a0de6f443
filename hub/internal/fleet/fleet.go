package fleet

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// Limits bound what a Fleet keeps. A limit of 0 is the default.
type Limits struct {
	Services  int // 1,000, besides those that are expected
	Instances int // of each service; 1,000
	Bytes     int // of all heartbeats that are kept; 64 MiB
}

const (
	// DefaultSilence and DefaultDownAfter are how long after its last heartbeat a
	// service is unknown, and down.
	DefaultSilence   = 30 * time.Second
	DefaultDownAfter = 90 * time.Second

	instanceExpiry = 10 * time.Minute // of silence, while others send heartbeats
	serviceExpiry  = 24 * time.Hour   // of silence, unless it is expected
)

// Fleet holds the services and their instances. It is safe for concurrent use.
type Fleet struct {
	limits    Limits
	now       func() time.Time
	attention attention

	mu         sync.Mutex
	services   map[string]*service
	observers  []func(service string)
	departures departures
	discovered int // of the services, those that are not expected
	bytes      int // of all instances
	refused    uint64
}

// service is a service and its instances.
type service struct {
	expected  bool          // it stays known without instances
	silence   time.Duration // after which an instance is silent
	instances map[string]*instance
	last      time.Time // of its last heartbeat or farewell; zero before the first
	awaited   time.Time // since when one is awaited again, after a restart; zero if it came
	stopped   bool      // that was the farewell of its last instance
}

// New returns a fleet without services, which reads the time from now.
func New(limits Limits, now func() time.Time) *Fleet {
	for _, l := range []struct {
		limit     *int
		otherwise int
	}{{&limits.Services, 1000}, {&limits.Instances, 1000}, {&limits.Bytes, 64 << 20}} {
		if *l.limit <= 0 {
			*l.limit = l.otherwise
		}
	}
	return &Fleet{limits: limits, now: now, services: make(map[string]*service)}
}

// OnChange registers call to be called with the name of each service that is discovered
// or leaves from now on. If OnChange is called several times, all functions are called,
// in that order. No lock is held meanwhile, so calls may come in another order than the
// events; Known returns the current state.
func (f *Fleet) OnChange(call func(service string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.observers = append(slices.Clip(f.observers), call)
}

// changed calls the observers with services that were discovered or have left.
func (f *Fleet) changed(services ...string) {
	if len(services) == 0 {
		return
	}
	f.mu.Lock()
	observers := f.observers
	f.mu.Unlock()
	for _, service := range services {
		for _, call := range observers {
			call(service)
		}
	}
}

// Observe keeps a heartbeat (a batch of kind Present) or a farewell (Leaving) that
// arrived at the given time. It belongs to one service, that of its first result.
// Heartbeats without room are counted. It fits intake.HeartbeatFunc.
func (f *Fleet) Observe(b *wire.Batch, at time.Time) {
	if len(b.Health) == 0 || b.Health[0].Service == "" {
		return
	}
	name := strings.Clone(b.Health[0].Service)
	note := f.heartbeat
	if b.Kind == wire.Leaving {
		note = f.farewell
	}
	if note(name, b, at) {
		f.changed(name)
	}
}

// heartbeat keeps a heartbeat, and reports whether it was the first of the service.
func (f *Fleet) heartbeat(name string, b *wire.Batch, at time.Time) (discovered bool) {
	in := newInstance(name, b, at)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.departures.late(name, in.id, sent(b), at) {
		return false
	}
	s := f.services[name]
	if s == nil {
		if f.discovered >= f.limits.Services || f.bytes+minInstanceBytes > f.limits.Bytes {
			f.refused++
			return false
		}
		s = &service{silence: DefaultSilence, instances: make(map[string]*instance)}
		f.services[name] = s
		f.discovered++
		discovered = true
	}
	if before := s.instances[in.id]; before != nil {
		in.follow(before)
	} else if len(s.instances) >= f.limits.Instances {
		f.evict(s, at)
	}
	f.put(s, in)
	s.last, s.awaited, s.stopped = later(s.last, at), time.Time{}, false
	return discovered
}

// put keeps an instance: without its checks if there is no room for them, and not at
// all if there is no room for it.
func (f *Fleet) put(s *service, in *instance) {
	f.remove(s, in.id)
	if f.bytes+in.bytes > f.limits.Bytes {
		in.unkept += len(in.checks)
		in.checks, in.reason, in.bytes = nil, "", minInstanceBytes
		f.refused++
	}
	if len(s.instances) >= f.limits.Instances || f.bytes+in.bytes > f.limits.Bytes {
		f.refused++
		return
	}
	s.instances[in.id] = in
	f.bytes += in.bytes
}

// remove removes the instance of that name, if there is one.
func (f *Fleet) remove(s *service, id string) {
	if in := s.instances[id]; in != nil {
		f.bytes -= in.bytes
		delete(s.instances, id)
	}
}

// evict makes room for an instance by removing the one that has been silent
// longest, so that services that restart without a farewell do not run into the
// limit.
func (f *Fleet) evict(s *service, at time.Time) {
	var oldest *instance
	for _, in := range s.instances {
		if at.Sub(in.last) > s.silence && (oldest == nil || in.last.Before(oldest.last)) {
			oldest = in
		}
	}
	if oldest != nil {
		f.remove(s, oldest.id)
	}
}

// farewell removes an instance, and reports whether the service left with it.
func (f *Fleet) farewell(name string, b *wire.Batch, at time.Time) (left bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// A late heartbeat may be the first one that this hub gets of an instance.
	f.departures.add(name, b.Instance, sent(b), at)
	s := f.services[name]
	switch {
	case s != nil && !s.awaited.IsZero() && !s.expected:
		// If there are others, their heartbeats come soon.
		f.forget(name)
		return true
	case s == nil || s.instances[b.Instance] == nil:
		return false
	}
	f.remove(s, b.Instance)
	s.last = later(s.last, at)
	if len(s.instances) > 0 {
		return false
	}
	s.stopped = true
	if s.expected {
		return false
	}
	f.forget(name)
	return true
}

// forget removes a service that is not expected.
func (f *Fleet) forget(name string) {
	for _, in := range f.services[name].instances {
		f.bytes -= in.bytes
	}
	delete(f.services, name)
	f.discovered--
}

// Sweep removes the instances that were superseded or expired, and the services
// that are not expected and were silent for a day. It should be called from time
// to time.
func (f *Fleet) Sweep() {
	now := f.now()
	var left []string
	f.mu.Lock()
	f.departures.expire(now)
	for name, s := range f.services {
		f.expire(s, now)
		if !s.expected && now.Sub(s.last) > serviceExpiry {
			f.forget(name)
			left = append(left, name)
		}
	}
	f.mu.Unlock()
	f.changed(left...)
}

// expire removes the instances of a service that were superseded, and those that
// were silent for too long.
func (f *Fleet) expire(s *service, now time.Time) {
	f.supersede(s, now)
	limit := serviceExpiry
	if f.attention.quiet(s.last, now) <= s.silence {
		limit = instanceExpiry
	}
	for id, in := range s.instances {
		if f.attention.quiet(in.last, now) > limit {
			f.remove(s, id)
		}
	}
}

// Known reports whether the service has sent a heartbeat and not left, or is expected.
func (f *Fleet) Known(service string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.services[service] != nil
}

// Refused returns the number of heartbeats for which there was no room, or
// not for all of their checks.
func (f *Fleet) Refused() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

// sent returns when the instance sent the batch, in Unix milliseconds on its own
// clock.
func sent(b *wire.Batch) int64 { return b.Health[0].To }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
