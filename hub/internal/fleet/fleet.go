package fleet

import (
	"strings"
	"sync"
	"time"

	"github.com/kymohq/kymo/wire"
)

// Limits bound what a Fleet keeps. A limit of 0 is the default.
type Limits struct {
	Services  int // 1,000, beside those that are expected
	Instances int // of each service; 1,000
	Bytes     int // of all that instances say; 64 MiB
}

const (
	// DefaultSilence and DefaultDownAfter are after how long without a word a
	// service is unknown, and down.
	DefaultSilence   = 30 * time.Second
	DefaultDownAfter = 90 * time.Second

	forgetInstance = 10 * time.Minute // of silence, while others speak
	forgetService  = 24 * time.Hour   // of silence, if nobody expects it
)

// Fleet knows the services and their instances. It is safe for concurrent use.
type Fleet struct {
	// Discovered is told of a service that spoke for the first time, and Left of
	// one that is known no more; both may be nil, and must be set before the first
	// Observe. No lock is held, so the calls may come in another order than things
	// happened: Known says what holds.
	Discovered, Left func(service string)

	limits Limits
	now    func() time.Time

	mu         sync.Mutex
	services   map[string]*service
	discovered int // of the services, those that nobody expects
	bytes      int // of all instances
	refused    uint64
}

// service is what is known of one service.
type service struct {
	expected  bool // it stays known, whoever leaves
	silence   time.Duration
	instances map[string]*instance
	last      time.Time // of its last word; zero before the first
	stopped   bool      // that was the farewell of its last instance
}

// New returns a fleet of nobody, which reads the time from now.
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

// Observe takes in what an instance says, as it arrived. The batch is of kind
// Present or Leaving and about one service: that of its first result. What there
// is no room for is counted.
func (f *Fleet) Observe(b *wire.Batch, at time.Time) {
	if len(b.Health) == 0 || b.Health[0].Service == "" {
		return
	}
	name := strings.Clone(b.Health[0].Service)
	var discovered, left bool
	if b.Kind == wire.Leaving {
		left = f.leave(name, b.Instance, at)
	} else {
		discovered = f.hear(name, b, at)
	}
	if discovered && f.Discovered != nil {
		f.Discovered(name)
	}
	if left && f.Left != nil {
		f.Left(name)
	}
}

// hear takes in a word and says whether it was the service's first.
func (f *Fleet) hear(name string, b *wire.Batch, at time.Time) (discovered bool) {
	said := newInstance(name, b, at)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.services[name]
	if s == nil {
		if f.discovered == f.limits.Services || f.bytes+leastInstance > f.limits.Bytes {
			f.refused++
			return false
		}
		s = &service{silence: DefaultSilence, instances: make(map[string]*instance)}
		f.services[name] = s
		f.discovered++
		discovered = true
	}
	if s.instances[b.Instance] == nil && len(s.instances) == f.limits.Instances {
		f.evict(s, at)
	}
	f.put(s, b.Instance, said)
	s.last, s.stopped = later(s.last, at), false
	return discovered
}

// put keeps what an instance said, without its checks if there is no room. Of
// an instance that there is no room for, nothing is kept but the time.
func (f *Fleet) put(s *service, id string, said *instance) {
	f.drop(s, id)
	if f.bytes+said.bytes > f.limits.Bytes {
		said.unkept += len(said.checks)
		said.checks, said.reason, said.bytes = nil, "", leastInstance
		f.refused++
	}
	if len(s.instances) == f.limits.Instances || f.bytes+said.bytes > f.limits.Bytes {
		f.refused++
		return
	}
	s.instances[strings.Clone(id)] = said
	f.bytes += said.bytes
}

// drop forgets an instance, if there is one of that name.
func (f *Fleet) drop(s *service, id string) {
	if in := s.instances[id]; in != nil {
		f.bytes -= in.bytes
		delete(s.instances, id)
	}
}

// evict makes room for an instance by forgetting the one that was silent
// longest: services that restart without a farewell must not run out of places.
func (f *Fleet) evict(s *service, at time.Time) {
	var oldest string
	var heard time.Time
	for id, in := range s.instances {
		if at.Sub(in.heard) > s.silence && (oldest == "" || in.heard.Before(heard)) {
			oldest, heard = id, in.heard
		}
	}
	f.drop(s, oldest)
}

// leave takes in an instance's farewell and says whether the service is known
// no more.
func (f *Fleet) leave(name, id string, at time.Time) (left bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.services[name]
	if s == nil || s.instances[id] == nil {
		return false
	}
	f.drop(s, id)
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

// forget removes a service that nobody expects.
func (f *Fleet) forget(name string) {
	for _, in := range f.services[name].instances {
		f.bytes -= in.bytes
	}
	delete(f.services, name)
	f.discovered--
}

// Sweep forgets the instances that were silent for long while others spoke, and
// the services that nobody expects and that were silent for a day. It should be
// called from time to time.
func (f *Fleet) Sweep() {
	now := f.now()
	var left []string
	f.mu.Lock()
	for name, s := range f.services {
		f.tidy(s, now)
		if !s.expected && now.Sub(s.last) > forgetService {
			f.forget(name)
			left = append(left, name)
		}
	}
	f.mu.Unlock()
	if f.Left == nil {
		return
	}
	for _, name := range left {
		f.Left(name)
	}
}

// tidy forgets the instances of a service that were silent for too long.
func (f *Fleet) tidy(s *service, now time.Time) {
	limit := forgetService
	if now.Sub(s.last) <= s.silence {
		limit = forgetInstance
	}
	for id, in := range s.instances {
		if now.Sub(in.heard) > limit {
			f.drop(s, id)
		}
	}
}

// Known says whether the service has spoken and not left, or is expected.
func (f *Fleet) Known(service string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.services[service] != nil
}

// Refused counts the words that there was no room for, or not for all of them.
func (f *Fleet) Refused() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
