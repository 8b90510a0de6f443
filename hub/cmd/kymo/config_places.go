package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kymohq/kymo/hub"
)

// places says on which line of the configuration file each field of a check or
// service is. What a value means is judged after the file was read, by those who
// use it: they name the field, and the user wants the line.
type places struct {
	path  string
	lines map[string]int // by the field, like "checks[1].url"; an entry as a whole is "checks[1]"
}

// line returns the line of a field, or else that of what it belongs to; 0 if
// that is not in the file either.
func (p *places) line(field string) int {
	for {
		if line, ok := p.lines[field]; ok {
			return line
		}
		i := strings.LastIndexAny(field, ".[")
		if i < 0 {
			return 0
		}
		field = field[:i]
	}
}

// locate puts the file and the line before each error about a field, also in an
// error that is several.
func (p *places) locate(err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *hub.FieldError:
		if line := p.line(e.Field); line > 0 {
			return fmt.Errorf("%s:%d: %w", p.path, line, e)
		}
		return e
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, p.locate(one))
		}
		return errors.Join(all...)
	}
	if inner := errors.Unwrap(err); inner != nil && strings.HasPrefix(err.Error(), configurationPrefix) {
		return p.locate(inner) // the field says what it is about
	}
	return err
}

// configurationPrefix is what hub.New puts before what is wrong with its Config.
const configurationPrefix = "configuration: "
