package template

import (
	"fmt"

	"github.com/kymohq/kymo/internal/wire"
)

// Over is how many requests were of endpoints over the limit, by service.
type Over map[string]uint64

// All returns the sum over all services.
func (o Over) All() (n uint64) {
	for _, requests := range o {
		n += requests
	}
	return n
}

// Cap counts the requests of endpoints over the limit under wire.Other, and those of
// methods that HTTP does not define under wire.MethodOther. It returns how many were
// over the limit, to be given to Kept once they are durable. A batch with a service
// over the limit is left as it is and refused with a *wire.FieldError. The batch must
// be valid, and is so afterwards.
func (t *Table) Cap(b *wire.Batch) (over Over, err error) {
	if t.knows(b) {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.admitServices(b); err != nil {
		return nil, err
	}
	var capped map[int]bool
	odd := false
	for i := range b.Keys {
		k := &b.Keys[i]
		odd = odd || k.Method != wire.KnownMethod(k.Method)
		if !t.services[k.Service].admit(k.Endpoint, t.limits.Endpoints) {
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
			t.services[b.Keys[i].Service].overflow.note(b.Keys[i].Endpoint)
		}
	}
	for _, k := range b.Key {
		if capped[int(k)] {
			if over == nil {
				over = make(Over)
			}
			over[b.Keys[k].Service]++
		}
	}
	merge(b, capped)
	return over, nil
}

// Kept counts what Cap returned of a batch that is durable and was not before.
func (t *Table) Kept(over Over) {
	if over == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, n := range over {
		t.services[name].overflow.requests += n
	}
}

// knows reports whether nothing in the batch is new, as in almost every one.
func (t *Table) knows(b *wire.Batch) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var s *service
	name := ""
	for i := range b.Keys {
		k := &b.Keys[i]
		if s == nil || k.Service != name {
			name, s = k.Service, t.services[k.Service]
		}
		if s == nil || !s.has(k.Endpoint) || k.Method != wire.KnownMethod(k.Method) {
			return false
		}
	}
	for i := range b.Drops {
		if t.services[b.Drops[i].Service] == nil {
			return false
		}
	}
	return true
}

// admitServices adds the batch's services, all or none of them.
func (t *Table) admitServices(b *wire.Batch) error {
	fresh := make(map[string]bool)
	note := func(name string) {
		if t.services[name] == nil {
			fresh[name] = true
		}
	}
	for i := range b.Keys {
		note(b.Keys[i].Service)
	}
	for i := range b.Drops {
		note(b.Drops[i].Service)
	}
	if len(t.services)+len(fresh) > t.limits.Services {
		for name := range fresh {
			return &wire.FieldError{Index: -1, Field: "service", Problem: fmt.Sprintf(
				"%q is new, and this hub keeps at most %d services: a service's name must not vary", name, t.limits.Services)}
		}
	}
	for name := range fresh {
		t.add(name)
	}
	return nil
}

// merge replaces the endpoint of the capped keys and methods that are unknown,
// by which several keys can become the same.
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
