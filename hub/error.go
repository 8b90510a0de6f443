package hub

import (
	"errors"

	"github.com/kymohq/kymo/hub/internal/config"
)

// FieldError is what is wrong with one field of a Config. It is config.Error for Go
// programs, which know neither internal packages nor the keys of a file.
type FieldError struct {
	Field   string // in Go, like "Checks[1].DegradedOver"
	Problem string // what is wrong, and what would be right; without a secret
}

func (e *FieldError) Error() string { return "hub: Config." + e.Field + ": " + e.Problem }

// fieldErrors returns the errors of a configuration as those of a Config.
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
