package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// expectation is a value that must be at a path of a JSON document. A path is
// the keys and indexes to the value, with dots between: data.items.0.status.
type expectation struct {
	path string
	want any // as decodeJSON returns it
}

// expectations reads them from a spec, in the order of their paths.
func expectations(specified map[string]any) ([]expectation, error) {
	var all []expectation
	for _, path := range slices.Sorted(maps.Keys(specified)) {
		if slices.Contains(strings.Split(path, "."), "") {
			return nil, wrong("json", "has the path %q with nothing between dots; one is like data.items.0.status", path)
		}
		var want any
		text, err := json.Marshal(specified[path])
		if err == nil {
			want, err = decodeJSON(text)
		}
		if err != nil {
			return nil, wrong("json", "has a value at %q that JSON cannot express", path)
		}
		all = append(all, expectation{path, want})
	}
	return all, nil
}

// judge describes how a document differs from the expectation, or returns "".
func (e *expectation) judge(document any, hide secrets) string {
	is, ok := lookUp(document, e.path)
	switch {
	case !ok:
		return e.path + " is not there"
	case sameJSON(is, e.want):
		return ""
	}
	return fmt.Sprintf("%s is %s, not %s", e.path, hide.show(encodeJSON(is)), encodeJSON(e.want))
}

// lookUp returns the value at a path. Keys may contain dots: a key equal to the
// whole rest of the path takes precedence.
func lookUp(v any, path string) (any, bool) {
	for {
		first, rest, more := strings.Cut(path, ".")
		switch in := v.(type) {
		case map[string]any:
			if whole, ok := in[path]; ok {
				return whole, true
			}
			var ok bool
			if v, ok = in[first]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(first)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
		if !more {
			return v, true
		}
		path = rest
	}
}

// sameJSON reports whether two values are equal. Numbers are compared by value: 1
// equals 1.0.
func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameJSON)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameJSON)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(a, b)
	}
	return a == b
}

func sameNumber(a, b json.Number) bool {
	i, err := a.Int64()
	j, err2 := b.Int64()
	if err == nil && err2 == nil { // of which float64 cannot tell all apart
		return i == j
	}
	x, err := a.Float64()
	y, err2 := b.Float64()
	return a == b || err == nil && err2 == nil && x == y
}

// decodeJSON reads one value. Its numbers are json.Number.
func decodeJSON(text []byte) (v any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("unexpected data after the value")
	}
	return v, nil
}

// encodeJSON writes what decodeJSON read, for people: "<" is not escaped.
func encodeJSON(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
	return strings.TrimSpace(b.String())
}
