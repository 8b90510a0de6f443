package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kymohq/kymo/health"
)

// Error is an error of one setting. It never contains a secret. Its place is where a
// person wrote the setting: a line of a file, a variable or a flag. Go code gets a
// health.FieldError instead. A wire.FieldError is of a body that a program sent, which has
// a place of another kind.
type Error struct {
	Path    string // the file, the variable or the flag that has it; "" if Go code has
	Line    int    // in the file, from 1; 0 if it is not in a file
	Field   string // its key, like "checks[1].url"; "" for the file as a whole
	Problem string // what is wrong, and what would be right
	Nearest string // the known name that may be meant, if one may
}

// Errorf returns an *Error of a field.
func Errorf(field, format string, args ...any) *Error {
	return &Error{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// Error returns the error in one line, with the most precise place known.
func (e *Error) Error() string {
	text := e.Text()
	if e.Field != "" && (e.Path == "" || e.Line > 0) {
		text = e.Field + ": " + text // a variable or a flag has the field's name
	}
	switch {
	case e.Line > 0:
		return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, text)
	case e.Path != "":
		return e.Path + ": " + text
	}
	return text
}

// Text returns the problem with the nearest known name, without its place.
func (e *Error) Text() string {
	if e.Nearest == "" {
		return e.Problem
	}
	return e.Problem + "; the nearest known one is " + e.Nearest
}

// InGo returns the error for Go code, with the field's name there.
func (e *Error) InGo() *health.FieldError {
	return &health.FieldError{Field: GoName(e.Field), Err: errors.New(e.Text())}
}

// within returns the error of a field of the entry, like "checks[1]".
func (e *Error) within(entry string) *Error {
	inner := *e
	inner.Field = entry + "." + e.Field
	return &inner
}

// Errors is everything that is wrong with a configuration.
type Errors []*Error

// Error returns a line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap is what errors.As looks for.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// Sort puts the errors in the order of the file, those of other places last.
func (e Errors) Sort() {
	slices.SortStableFunc(e, func(a, b *Error) int {
		switch {
		case (a.Line == 0) != (b.Line == 0):
			return b.Line - a.Line
		case a.Line != b.Line:
			return a.Line - b.Line
		}
		return 0
	})
}

// OrNil returns e as an error, or nil if e is empty.
func (e Errors) OrNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Place is where a setting was given: in a line of a file, by a variable or by
// a flag.
type Place struct {
	Path string
	Line int
}

// Places are where settings were given, by their keys: "slow.target",
// "checks[1].url", and "checks[1]" for an entry as a whole.
type Places map[string]Place

// Find returns the place of a field, or that of the entry it belongs to.
func (p Places) Find(field string) Place {
	for {
		if place, ok := p[field]; ok {
			return place
		}
		i := strings.LastIndexAny(field, ".[")
		if i < 0 {
			return Place{}
		}
		field = field[:i]
	}
}

// asError returns err as an *Error of the field.
func asError(field string, err error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	return &Error{Field: field, Problem: err.Error()}
}
