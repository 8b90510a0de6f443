package probe

import (
	"maps"
	"slices"

	"github.com/kymohq/kymo/health"
)

// kind is a type of check.
type kind struct {
	// keys that it takes beside the common ones.
	keys []string
	// make returns the probe of a spec; its error is a *FieldError. It contacts
	// nothing: what is not there yet may be there later.
	make func(s *Spec) (health.Probe, error)
}

// kinds are databaseKinds, networkKinds and modelKinds together.
var kinds = func() map[string]kind {
	all := make(map[string]kind)
	for _, some := range []map[string]kind{databaseKinds, networkKinds, modelKinds} {
		maps.Copy(all, some)
	}
	return all
}()

// common are the keys of every type.
var common = []string{
	"name", "type", "url", "interval", "timeout", "degraded_over", "failures", "successes", "critical",
}

// Types lists the types of checks, in order.
func Types() []string { return slices.Sorted(maps.Keys(kinds)) }

// Keys lists the keys that a type takes, in order; nil if there is no such type.
func Keys(typ string) []string {
	k, ok := kinds[typ]
	if !ok {
		return nil
	}
	return slices.Sorted(slices.Values(slices.Concat(common, k.keys)))
}

// New returns the probe of a spec; its error is a *FieldError. It contacts
// nothing: what is not there yet may be there later.
func New(s *Spec) (health.Probe, error) {
	k, ok := kinds[s.Type]
	if !ok {
		return health.Probe{}, wrong("type", "%q is none; it is one of %v", s.Type, Types())
	}
	return k.make(s)
}
