package template

import "github.com/kymohq/kymo/internal/wire"

// AdmitHealth makes the services of the batch's health results known, all or
// none of them. Too many services are refused as Cap refuses them: with a
// *wire.FieldError.
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

// knowsHealth is the way of almost every batch: none of its services is new.
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
