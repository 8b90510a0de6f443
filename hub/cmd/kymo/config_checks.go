package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/kymohq/kymo/hub"
	"github.com/kymohq/kymo/hub/internal/probe"
)

const (
	checkExample   = `{name: database, type: postgres, url: "env:DATABASE_URL"}`
	serviceExample = `{name: orders, health: "http://127.0.0.1:8000/health"}`
)

// checks takes the list of what the hub looks at itself.
func (c *configFile) checks(node ast.Node) error {
	return c.list("checks", checkExample, node, func(at string, m *ast.MappingNode) error {
		keys, typ, err := c.checkKeys(at, m)
		if err != nil {
			return err
		}
		var check hub.Check
		unknown := func(field string) string { return unknownCheckKey(field, typ, keys) }
		if err := c.fields(at, m, reflect.ValueOf(&check).Elem(), keys, unknown); err != nil {
			return err
		}
		if typ == "" {
			return c.errorf(first(m), "%s: type is missing; it is one of %s", at, strings.Join(probe.Types(), ", "))
		}
		c.settings.checks = append(c.settings.checks, check)
		return c.named(at, check.Name, m)
	})
}

// services takes the list of services that are followed by name.
func (c *configFile) services(node ast.Node) error {
	return c.list("services", serviceExample, node, func(at string, m *ast.MappingNode) error {
		var service hub.Service
		keys := sortedKeys(tagged(reflect.TypeFor[hub.Service]()))
		if err := c.fields(at, m, reflect.ValueOf(&service).Elem(), keys, nearestKey(keys)); err != nil {
			return err
		}
		c.settings.services = append(c.settings.services, service)
		return c.named(at, service.Name, m)
	})
}

// list calls f with each entry of a list of mappings.
func (c *configFile) list(key, example string, node ast.Node, f func(at string, m *ast.MappingNode) error) error {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		return c.errorf(node, "%s: must be a list, like [%s]", key, example)
	}
	if c.settings.places.lines == nil {
		c.settings.places = places{path: c.path, lines: make(map[string]int)}
	}
	for i, item := range list.Values {
		at := fmt.Sprintf("%s[%d]", key, i)
		m, ok := item.(*ast.MappingNode)
		if !ok || len(m.Values) == 0 {
			return c.errorf(item, "%s: must be a mapping, like %s", at, example)
		}
		c.settings.places.lines[at] = lineOf(first(m))
		if err := f(at, m); err != nil {
			return err
		}
	}
	return nil
}

// first is where an entry begins. The mapping's own token is somewhere in its
// first line only if it is written in braces.
func first(m *ast.MappingNode) ast.Node { return m.Values[0].Key }

func lineOf(node ast.Node) int { return node.GetToken().Position.Line }

// checkKeys returns the keys that a check takes, which its type says, and the
// type; all keys if it has none.
func (c *configFile) checkKeys(at string, m *ast.MappingNode) (keys []string, typ string, err error) {
	for _, entry := range m.Values {
		if entry.Key.GetToken().Value != "type" {
			continue
		}
		if typ, err = c.scalar(at+".type", entry.Value); err != nil {
			return nil, "", err
		}
		if keys = probe.Keys(typ); keys == nil {
			best, _ := nearest(typ, probe.Types())
			return nil, "", c.errorf(entry.Value, "%s.type: there is no type %q; the nearest is %s, and all are %s",
				at, typ, best, strings.Join(probe.Types(), ", "))
		}
		return keys, typ, nil
	}
	return sortedKeys(tagged(reflect.TypeFor[hub.Check]())), "", nil
}

// named refuses an entry without a name, and one with the name of another:
// names are keys in the answer of GET /health.
func (c *configFile) named(at, name string, m *ast.MappingNode) error {
	if name == "" {
		return c.errorf(first(m), "%s: name is missing; it is how GET /health and kymo health call it", at)
	}
	if other, ok := c.names[name]; ok {
		return c.settings.places.locate(&hub.FieldError{Field: at + ".name", Problem: fmt.Sprintf(
			"%q is the name of %s already, on line %d; give each a name of its own", name, other, c.settings.places.line(other+".name"))})
	}
	if c.names == nil {
		c.names = make(map[string]string)
	}
	c.names[name] = at
	return nil
}

// unknownCheckKey says why a check of this type has no such key.
func unknownCheckKey(field, typ string, keys []string) string {
	var having []string
	for _, other := range probe.Types() {
		if slices.Contains(probe.Keys(other), field) {
			having = append(having, other)
		}
	}
	if len(having) > 0 {
		return fmt.Sprintf("a %s check has no such key; those of type %s have", typ, strings.Join(having, ", "))
	}
	return nearestKey(keys)(field)
}

// nearestKey says that a key is unknown, and which one may be meant.
func nearestKey(keys []string) func(field string) string {
	return func(field string) string {
		best, _ := nearest(field, keys)
		return "unknown key; the nearest known one is " + best
	}
}
