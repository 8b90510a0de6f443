package health

import (
	"unicode/utf8"

	"github.com/kymohq/kymo/internal/printable"
)

// Validate returns what is wrong with the rules of a check, a *FieldError, or nil. It
// starts nothing.
func Validate(p Probe, opts ...Option) error {
	s := rules(opts)
	return s.fill(&p)
}

// ValidateName returns what is wrong with the name of a check, a *FieldError, or nil.
func ValidateName(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return fieldErrorf("name", "must be 1 to %d bytes of UTF-8", MaxName)
	}
	if r, found := printable.First(name); found {
		return fieldErrorf("name", "contains %s, a control character or one that cannot be seen", printable.Name(r))
	}
	if name == "." || name == ".." {
		return fieldErrorf("name", "is %q, which addresses cannot hold; choose another", name)
	}
	return nil
}
