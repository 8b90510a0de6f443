package hub

import (
	"errors"
	"fmt"

	"github.com/kymohq/kymo/hub/internal/config"
)

// fieldErrors converts the errors of a configuration to those for Go code. The internal
// error type has the keys of a file, which Go programs do not use.
func fieldErrors(err error) error {
	wrong, ok := errors.AsType[config.Errors](err)
	if !ok {
		return err
	}
	all := make([]error, len(wrong))
	for i, e := range wrong {
		all[i] = fmt.Errorf("hub: Config.%w", e.InGo())
	}
	return errors.Join(all...)
}
