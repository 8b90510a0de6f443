package settings

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/kymohq/kymo/hub/internal/config"
)

// secretKeys are the keys whose values may be in an environment variable or a file,
// with the names that errors use for them.
var secretKeys = map[string]string{"url": "URL", "health": "URL", "key": "key", "headers": "header", "token": "token"}

// check takes an entry of the list of checks. Which keys it may have, its type
// determines.
func (r *reader) check(at string, m *ast.MappingNode, into *config.Check) {
	typ := ""
	for _, entry := range m.Values {
		if keyOf(entry) != "type" {
			continue
		}
		text, ok := r.scalar(at+".type", entry.Value)
		if !ok {
			return
		}
		if config.CheckKeys(text) == nil {
			e := config.WrongType(text)
			e.Field = at + ".type"
			r.errorAt(entry.Value, e)
			return
		}
		typ = text
	}
	r.fieldsOf(at, m, reflect.ValueOf(into).Elem(), config.CheckKeys(typ), func(key string) *config.Error {
		return config.UnknownCheckKey(key, typ)
	})
}

// fields takes a mapping into a struct.
func (r *reader) fields(at string, m *ast.MappingNode, into reflect.Value) {
	keys := config.Keys(into.Type())
	r.fieldsOf(at, m, into, keys, func(key string) *config.Error { return config.UnknownKey(key, keys) })
}

// fieldsOf reads those of a mapping's keys that are in keys; for others it adds the
// error that unknown returns.
func (r *reader) fieldsOf(at string, m *ast.MappingNode, into reflect.Value, keys []string, unknown func(key string) *config.Error) {
	known := make(map[string]bool, len(keys))
	for _, key := range keys {
		known[key] = true
	}
	fields := config.Fields(into.Type())
	for _, entry := range m.Values {
		key := keyOf(entry)
		if !known[key] {
			e := unknown(key)
			e.Field = at + "." + key
			r.errorAt(entry.Key, e)
			continue
		}
		r.Places[at+"."+key] = r.at(entry.Key)
		r.value(at+"."+key, key, entry.Value, into.FieldByIndex(fields[key].Index))
	}
}

// value takes the value of a key into a field, whose type determines how it is
// written.
func (r *reader) value(at, key string, node ast.Node, into reflect.Value) {
	switch into.Kind() {
	case reflect.Pointer: // to a struct of further keys
		m, ok := node.(*ast.MappingNode)
		if !ok {
			r.errorAt(node, config.Errorf(at, "must be a mapping, like %s", examples[key]))
			return
		}
		into.Set(reflect.New(into.Type().Elem()))
		r.fields(at, m, into.Elem())
	case reflect.Slice:
		list, ok := node.(*ast.SequenceNode)
		if !ok {
			r.errorAt(node, config.Errorf(at, "must be a list, like %s", examples[key]))
			return
		}
		into.Set(reflect.MakeSlice(into.Type(), len(list.Values), len(list.Values)))
		for i, item := range list.Values {
			r.Places[element(at, i)] = r.at(item)
			r.value(element(at, i), key, item, into.Index(i))
		}
	case reflect.Map:
		r.entries(at, key, node, into)
	default:
		text, ok := r.scalar(at, node)
		if !ok {
			return
		}
		v, err := r.single(key, text, into.Interface())
		if err != nil {
			r.errorAt(node, &config.Error{Field: at, Problem: err.Error()})
			return
		}
		into.Set(reflect.ValueOf(v))
	}
}

// examples has, for each key that takes a mapping or a list, what to write.
var examples = map[string]string{
	"headers": `{Authorization: "env:API_TOKEN"}`,
	"json":    "{data.status: ok}",
	"canary":  "{body: {instances: [[1, 2]]}, budget: 200ms}",
	"body":    "{instances: [[1, 2]]}",
	"where":   "{service: shop}",
	"tls":     "{ca: /etc/kymo/ca.pem, min_version: 1.2}",

	"depends_on": "[database]",

	"hosts":  "[kymo.example.com]",
	"status": "[200, 204]",
	"expect": "[192.0.2.1]",
	"models": "[fraud]",
	"shape":  "[1, 2]",
}

func element(at string, i int) string { return fmt.Sprintf("%s[%d]", at, i) }

// single parses a single value of the type that like has.
func (r *reader) single(key, text string, like any) (any, error) {
	switch like.(type) {
	case time.Duration:
		return Duration(text)
	case bool:
		return parseBool(text)
	case float64:
		return parseShare(text)
	case config.File:
		return config.File(text), nil
	case int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
		return n, nil
	}
	if what, ok := secretKeys[key]; ok {
		return r.secrets.Resolve(text, what)
	}
	return text, nil
}

// entries takes a mapping whose keys are the user's own.
func (r *reader) entries(at, key string, node ast.Node, into reflect.Value) {
	m, ok := node.(*ast.MappingNode)
	if !ok {
		r.errorAt(node, config.Errorf(at, "must be a mapping, like %s", examples[key]))
		return
	}
	into.Set(reflect.MakeMap(into.Type()))
	for _, entry := range m.Values {
		name := keyOf(entry)
		v := reflect.New(into.Type().Elem()).Elem()
		if v.Kind() != reflect.Interface {
			r.value(at+"."+name, key, entry.Value, v)
		} else if err := yaml.NodeToValue(entry.Value, v.Addr().Interface()); err != nil {
			// The decoder's own error shows the text around it, which may hold a secret.
			r.errorAt(entry.Value, config.Errorf(at+"."+name, "cannot be read as a value"))
			continue
		}
		into.SetMapIndex(reflect.ValueOf(name), v)
	}
}

// scalar returns the text of a single value.
func (r *reader) scalar(at string, node ast.Node) (text string, ok bool) {
	switch v := node.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(v.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value, true
	}
	problem := "must be a single value"
	switch node.(type) {
	case *ast.NullNode:
		problem = "has no value; write one, or omit the key"
	case *ast.SequenceNode:
		problem += ", not a list"
	case *ast.MappingNode:
		problem += ", not a mapping"
	}
	r.errorAt(node, config.Errorf(at, "%s", problem))
	return "", false
}
