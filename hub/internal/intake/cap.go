package intake

import (
	"fmt"

	"github.com/kymohq/kymo/internal/wire"
)

// excess is how many requests were of endpoints over the limit, by service.
type excess map[string]uint64

// sum returns the sum over all services.
func (e excess) sum() (n uint64) {
	for _, requests := range e {
		n += requests
	}
	return n
}

// cap counts the requests of endpoints over the limit under wire.Other, and those of
// methods that HTTP does not define under wire.MethodOther. It returns how many were
// over the limit, to be given to kept once they are durable. A batch with a service
// over the limit is left as it is and refused with a *wire.FieldError. The batch must
// be valid, and is so afterwards.
func (r *registry) cap(b *wire.Batch) (over excess, err error) {
	if r.knows(b) {
		return nil, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.admitServices(b); err != nil {
		return nil, err
	}
	var capped map[int]bool
	odd, hour := false, r.hour()
	for i := range b.Keys {
		k := &b.Keys[i]
		odd = odd || k.Method != wire.KnownMethod(k.Method)
		if !r.services[k.Service].admit(k.Endpoint, r.limits.Endpoints, hour) {
			if capped == nil {
				capped = make(map[int]bool)
			}
			capped[i] = true
		}
	}
	if capped == nil && !odd {
		return nil, nil
	}
	for i := range b.Keys {
		if capped[i] {
			r.services[b.Keys[i].Service].overflow.note(b.Keys[i].Endpoint)
		}
	}
	for _, k := range b.Key {
		if capped[int(k)] {
			if over == nil {
				over = make(excess)
			}
			over[b.Keys[k].Service]++
		}
	}
	merge(b, capped)
	return over, nil
}

// kept counts the requests that cap found over the limit, once their batch is
// durable and no duplicate.
func (r *registry) kept(over excess) {
	if over == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, n := range over {
		r.services[name].overflow.requests += n
	}
}

// knows reports whether nothing in the batch is new, as is usual.
func (r *registry) knows(b *wire.Batch) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var s *service
	name, hour := "", r.hour()
	for i := range b.Keys {
		k := &b.Keys[i]
		if s == nil || k.Service != name {
			name, s = k.Service, r.services[k.Service]
		}
		if s == nil || !s.use(k.Endpoint, hour) || k.Method != wire.KnownMethod(k.Method) {
			return false
		}
	}
	for i := range b.Drops {
		if r.services[b.Drops[i].Service] == nil {
			return false
		}
	}
	return true
}

// admitServices adds the batch's services, all or none of them.
func (r *registry) admitServices(b *wire.Batch) error {
	fresh := make(map[string]bool)
	note := func(name string) {
		if r.services[name] == nil {
			fresh[name] = true
		}
	}
	for i := range b.Keys {
		note(b.Keys[i].Service)
	}
	for i := range b.Drops {
		note(b.Drops[i].Service)
	}
	if len(r.services)+len(fresh) > r.limits.Services {
		for name := range fresh {
			return &wire.FieldError{Index: -1, Field: "service", Problem: fmt.Sprintf(
				"%q is new, and this hub keeps at most %d services; a service must always use the same name", name, r.limits.Services)}
		}
	}
	for name := range fresh {
		r.add(name)
	}
	return nil
}

// merge replaces the endpoints of the capped keys and methods that HTTP does
// not define, and merges keys that become equal.
func merge(b *wire.Batch, capped map[int]bool) {
	to := make([]uint32, len(b.Keys))
	places := make(map[wire.Key]uint32, len(b.Keys))
	keys := b.Keys[:0]
	for i, k := range b.Keys {
		if capped[i] {
			k.Endpoint = wire.Other
		}
		k.Method = wire.KnownMethod(k.Method)
		place, ok := places[k]
		if !ok {
			place = uint32(len(keys))
			places[k] = place
			keys = append(keys, k)
		}
		to[i] = place
	}
	clear(b.Keys[len(keys):])
	b.Keys = keys
	for i, k := range b.Key {
		b.Key[i] = to[k]
	}
}

// admitHealth adds the services of the batch's health results, all or none of them.
// Like cap, it refuses too many services with a *wire.FieldError.
func (r *registry) admitHealth(b *wire.Batch) error {
	if r.knowsHealth(b) {
		return nil
	}
	// A batch that has only drops names services, too.
	services := wire.Batch{Drops: make([]wire.Drop, len(b.Health))}
	for i := range b.Health {
		services.Drops[i].Service = b.Health[i].Service
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.admitServices(&services)
}

// knowsHealth reports whether none of the services is new, as is usual.
func (r *registry) knowsHealth(b *wire.Batch) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range b.Health {
		if r.services[b.Health[i].Service] == nil {
			return false
		}
	}
	return true
}
