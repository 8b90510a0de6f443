package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/kymohq/kymo/hub/internal/config"
)

// sentCheck is the field of a check that was sent alone, for the reader. Errors leave it
// out.
const sentCheck = "checks[0]"

// ParseCheck reads one check that a program sent as JSON: an entry of the list "checks" of
// the file, with the same keys, and the same verdict on it. What would be read from the
// hub's own machine is refused (config.Check.Local). It may depend on any other. The error is config.Errors with
// fields of the check, like "tls.ca"; the one with the field "" is of the whole.
func ParseCheck(content []byte, makers config.Makers) (*config.Check, error) {
	r := &reader{Config: &config.Config{Excerpt: true}, secrets: NewSecrets(nil)}
	r.Places = make(config.Places)
	r.secrets.sent = true
	if i := invalidUTF8(content); i >= 0 {
		return nil, config.Errors{config.Errorf("", "is not UTF-8 at byte %d", i+1)}
	}
	node, err := nodeOf(content)
	if err != nil {
		return nil, config.Errors{config.Errorf("", "%s", err)}
	}
	m, ok := node.(*ast.MappingNode)
	if !ok || len(m.Values) == 0 {
		return nil, config.Errors{config.Errorf("", `must be an object, like {"name": "database", "type": "postgres", "url": "postgres://app:secret@db/app"}`)}
	}
	var check config.Check
	r.check(sentCheck, m, &check)
	r.Checks = []config.Check{check}
	if e := check.Local(); e != nil && len(r.wrong) == 0 {
		e.Field = sentCheck + "." + e.Field
		r.wrong = append(r.wrong, e)
	}
	c, err := r.verdict(config.Makers{Probe: makers.Probe})
	if err != nil {
		wrong, _ := errors.AsType[config.Errors](err)
		for _, e := range wrong {
			e.Path, e.Line = "", 0
			e.Field = strings.TrimPrefix(strings.TrimPrefix(e.Field, sentCheck), ".")
		}
		return nil, err
	}
	return &c.Checks[0], nil
}

// nodeOf returns JSON as the tree that a file of YAML is read as. YAML's parser does not
// take all of JSON, such as \/ and pairs of \u.
func nodeOf(content []byte) (ast.Node, error) {
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	node, err := nextNode(d, 0)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("not JSON: there is more after the object")
		}
	}
	return node, err
}

// maxDepth bounds how deep a value may be nested.
const maxDepth = 100

func nextNode(d *json.Decoder, depth int) (ast.Node, error) {
	t, err := d.Token()
	if err != nil {
		// The decoder's own error may quote what it read.
		return nil, fmt.Errorf("not JSON, from byte %d on", d.InputOffset())
	}
	at := &token.Position{Line: 1}
	switch t := t.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, fmt.Errorf("is nested more than %d deep", maxDepth)
		}
		if t == '[' {
			return listNode(d, at, depth+1)
		}
		return mapNode(d, at, depth+1)
	case string:
		return ast.String(token.New(t, t, at)), nil
	case json.Number:
		text := t.String()
		if _, err := strconv.ParseInt(text, 10, 64); err == nil {
			return ast.Integer(token.New(text, text, at)), nil
		}
		f := ast.Float(token.New(text, text, at))
		f.Value, _ = t.Float64() // beyond its range, infinity
		return f, nil
	case bool:
		text := strconv.FormatBool(t)
		return ast.Bool(token.New(text, text, at)), nil
	}
	return ast.Null(token.New("null", "null", at)), nil
}

func listNode(d *json.Decoder, at *token.Position, depth int) (ast.Node, error) {
	list := ast.Sequence(token.New("[", "[", at), true)
	for d.More() {
		item, err := nextNode(d, depth)
		if err != nil {
			return nil, err
		}
		list.Values = append(list.Values, item)
	}
	_, err := d.Token()
	return list, asJSONError(d, err)
}

func mapNode(d *json.Decoder, at *token.Position, depth int) (ast.Node, error) {
	m := ast.Mapping(token.New("{", "{", at), true)
	known := make(map[string]bool)
	for d.More() {
		key, err := nextNode(d, depth)
		if err != nil {
			return nil, err
		}
		name, ok := key.(*ast.StringNode)
		if !ok {
			return nil, fmt.Errorf("not JSON, from byte %d on", d.InputOffset())
		}
		if known[name.Value] {
			return nil, fmt.Errorf("has the key %.40q twice", name.Value)
		}
		known[name.Value] = true
		value, err := nextNode(d, depth)
		if err != nil {
			return nil, err
		}
		m.Values = append(m.Values, ast.MappingValue(token.New(":", ":", at), name, value))
	}
	_, err := d.Token()
	return m, asJSONError(d, err)
}

func asJSONError(d *json.Decoder, err error) error {
	if err != nil {
		return fmt.Errorf("not JSON, from byte %d on", d.InputOffset())
	}
	return nil
}

// invalidUTF8 returns where a text stops being UTF-8, or -1.
func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
