package maintenance

import (
	"fmt"

	"github.com/kymohq/kymo/health"
)

func errorf(field, format string, args ...any) error {
	return &health.FieldError{Field: field, Err: fmt.Errorf(format, args...)}
}
