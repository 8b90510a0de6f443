package hub

import (
	"errors"

	"github.com/kymohq/kymo/hub/internal/config"
)

// FieldError describes what is wrong with one field of a Config.
type FieldError struct {
	Field   string // as in Go, such as "Checks[1].DegradedOver"
	Problem string // what is wrong and how to fix it; it contains no secrets
}

func (e *FieldError) Error() string { return "hub: Config." + e.Field + ": " + e.Problem }

// fieldErrors converts the errors of a configuration to FieldErrors. The internal
// error type has the keys of a file, which Go programs do not use.
func fieldErrors(err error) error {
	wrong, ok := errors.AsType[config.Errors](err)
	if !ok {
		return err
	}
	all := make([]error, len(wrong))
	for i, e := range wrong {
		all[i] = &FieldError{Field: config.GoName(e.Field), Problem: e.Text()}
	}
	return errors.Join(all...)
}
