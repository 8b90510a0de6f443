package template

import "github.com/kymohq/kymo/internal/wire"

// AdmitHealth adds the services of the batch's health results, all or none of them.
// Like Cap, it refuses too many services with a *wire.FieldError.
func (t *Table) AdmitHealth(b *wire.Batch) error {
	if t.knowsHealth(b) {
		return nil
	}
	// A batch of nothing but drops names services just as well.
	services := wire.Batch{Drops: make([]wire.Drop, len(b.Health))}
	for i := range b.Health {
		services.Drops[i].Service = b.Health[i].Service
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.admitServices(&services)
}

// knowsHealth reports whether none of the services is new, as in almost every batch.
func (t *Table) knowsHealth(b *wire.Batch) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for i := range b.Health {
		if t.services[b.Health[i].Service] == nil {
			return false
		}
	}
	return true
}
