package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// secretKeys are the keys whose values may be in an environment variable or a
// file, and what errors call them.
var secretKeys = map[string]string{"url": "URL", "health": "URL", "key": "key", "headers": "header"}

// tagged returns the fields of a struct by the key that each is tagged with.
func tagged(t reflect.Type) map[string]int {
	fields := make(map[string]int)
	for i := range t.NumField() {
		if key, ok := t.Field(i).Tag.Lookup("key"); ok {
			fields[key] = i
		}
	}
	return fields
}

func sortedKeys(fields map[string]int) []string { return slices.Sorted(maps.Keys(fields)) }

// fields takes a mapping into a struct whose fields are tagged with their keys.
// Of any key but those it says what unknown says.
func (c *configFile) fields(at string, m *ast.MappingNode, into reflect.Value, keys []string, unknown func(field string) string) error {
	known := tagged(into.Type())
	for _, entry := range m.Values {
		field := entry.Key.GetToken().Value
		key := at + "." + field
		if !slices.Contains(keys, field) {
			return c.errorf(entry.Key, "%s: %s", key, unknown(field))
		}
		c.settings.places.lines[key] = lineOf(entry.Key)
		if err := c.value(key, field, entry.Value, into.Field(known[field])); err != nil {
			return err
		}
	}
	return nil
}

// value takes what a key has into a field, whose type says how it is written.
func (c *configFile) value(key, field string, node ast.Node, into reflect.Value) error {
	switch into.Kind() {
	case reflect.Pointer: // to a struct of further keys
		m, ok := node.(*ast.MappingNode)
		if !ok {
			return c.errorf(node, "%s must be a mapping of keys to values", key)
		}
		into.Set(reflect.New(into.Type().Elem()))
		keys := sortedKeys(tagged(into.Type().Elem()))
		return c.fields(key, m, into.Elem(), keys, nearestKey(keys))
	case reflect.Slice:
		return c.elements(key, field, node, into)
	case reflect.Map:
		return c.entries(key, field, node, into)
	}
	text, err := c.scalar(key, node)
	if err != nil {
		return err
	}
	v, err := c.parse(field, text, into.Interface())
	if err != nil {
		return c.errorf(node, "%s: %w", key, err)
	}
	into.Set(reflect.ValueOf(v))
	return nil
}

// parse reads a single value of the type that like has.
func (c *configFile) parse(field, text string, like any) (any, error) {
	switch like.(type) {
	case time.Duration:
		return parseDuration(text)
	case bool:
		return parseBool(text)
	case float64:
		return parseShare(text)
	case int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
		return n, nil
	}
	if what, ok := secretKeys[field]; ok {
		return c.resolver.secret(text, what)
	}
	return text, nil
}

// elements takes a list of single values.
func (c *configFile) elements(key, field string, node ast.Node, into reflect.Value) error {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		return c.errorf(node, "%s: must be a list, like [a, b]", key)
	}
	into.Set(reflect.MakeSlice(into.Type(), len(list.Values), len(list.Values)))
	for i, item := range list.Values {
		if err := c.value(fmt.Sprintf("%s[%d]", key, i), field, item, into.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// entries takes a mapping whose keys are the user's own.
func (c *configFile) entries(key, field string, node ast.Node, into reflect.Value) error {
	m, ok := node.(*ast.MappingNode)
	if !ok {
		return c.errorf(node, "%s must be a mapping of keys to values", key)
	}
	into.Set(reflect.MakeMap(into.Type()))
	for _, entry := range m.Values {
		name := entry.Key.GetToken().Value
		v := reflect.New(into.Type().Elem()).Elem()
		if v.Kind() == reflect.Interface {
			// The decoder's own error shows the text around it, which may hold a secret.
			if err := yaml.NodeToValue(entry.Value, v.Addr().Interface()); err != nil {
				return c.errorf(entry.Value, "%s.%s: cannot be read as a value", key, name)
			}
		} else if err := c.value(key+"."+name, field, entry.Value, v); err != nil {
			return err
		}
		into.SetMapIndex(reflect.ValueOf(name), v)
	}
	return nil
}
