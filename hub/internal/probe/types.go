package probe

import (
	"maps"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

// Spec is what a check probes, and Canary the inference it makes of a model.
type (
	Spec   = config.Spec
	Canary = config.Canary
)

// constructor returns the probe of a spec, or a *config.Error. It contacts
// nothing: the target may be started later.
type constructor func(*Spec) (health.Probe, error)

// constructors has one for each of config.Types.
var constructors = func() map[string]constructor {
	all := make(map[string]constructor)
	for _, some := range []map[string]constructor{databaseTypes, networkTypes, modelTypes} {
		maps.Copy(all, some)
	}
	return all
}()

// New returns the probe of a spec, or a *config.Error that names the field by its
// key. It contacts nothing: the target may be started later.
func New(s *Spec) (health.Probe, error) {
	if err := s.Unfit(); err != nil {
		return health.Probe{}, err
	}
	return constructors[s.Type](s)
}

// wrong is the error of a field of a Spec.
func wrong(field, format string, args ...any) *config.Error {
	return config.Errorf(field, format, args...)
}
