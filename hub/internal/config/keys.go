package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/nearest"
)

var (
	modelKeys = []string{"url", "models", "canary", "headers", "key", "insecure", "tls"}

	// specKeys are the keys of Spec that each type of check takes.
	specKeys = map[string][]string{
		"postgres":   {"url", "query", "writable", "max_connections", "max_lag", "tls"},
		"mysql":      {"url", "query", "writable", "max_connections", "max_lag", "tls"},
		"redis":      {"url", "scratch_key", "max_connections", "max_lag", "max_memory", "tls"},
		"clickhouse": {"url", "query", "tls"},

		"http": {"url", "method", "headers", "body", "status", "contains", "json", "redirects", "insecure", "tls"},
		"tcp":  {"url", "body", "contains"},
		"grpc": {"url", "service", "headers", "insecure", "tls"},
		"dns":  {"url", "expect"},
		"tls":  {"url", "expires_in", "insecure", "tls"},
		"disk": {"path", "min_free"},

		"kserve":     append([]string{"max_queue", "max_cache"}, modelKeys...),
		"torchserve": append([]string{"max_queue"}, modelKeys...),
		"tfserving":  modelKeys,
		"openai":     append([]string{"max_queue", "max_cache"}, modelKeys...),
	}
)

// Types returns the types of checks, in order.
func Types() []string { return slices.Sorted(maps.Keys(specKeys)) }

// CheckKeys returns the keys that a check of the type takes, in order; for "", the keys
// of all types. It returns nil if there is no such type.
func CheckKeys(typ string) []string {
	if typ == "" {
		return Keys(reflect.TypeFor[Check]())
	}
	keys, ok := specKeys[typ]
	if !ok {
		return nil
	}
	keys = append(Keys(reflect.TypeFor[health.Rules]()), keys...)
	keys = append(keys, "name", "type")
	slices.Sort(keys)
	return keys
}

// Keys returns the keys of a struct in the configuration, in order.
func Keys(t reflect.Type) []string {
	return slices.Sorted(maps.Keys(Fields(t)))
}

// Fields returns the fields of a struct, those of embedded structs included, by
// their keys in the configuration.
func Fields(t reflect.Type) map[string]reflect.StructField {
	fields := make(map[string]reflect.StructField)
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && !f.Anonymous && f.Tag.Get("key") != "-" {
			fields[Key(f.Name)] = f
		}
	}
	return fields
}

// Key returns the key of a field in the configuration: DegradedOver is
// degraded_over, and URL is url.
func Key(field string) string {
	if strings.ToUpper(field) == field {
		return strings.ToLower(field)
	}
	var b strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// GoName returns the Go name of a setting's key: Checks[1].MaxLag for
// "checks[1].max_lag".
func GoName(key string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(key, func(r rune) bool { return r == '.' }) {
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		if part == "url" || part == "json" || part == "tls" || part == "ca" {
			b.WriteString(strings.ToUpper(part))
			continue
		}
		for word := range strings.SplitSeq(part, "_") {
			if word != "" {
				b.WriteString(strings.ToUpper(word[:1]) + word[1:])
			}
		}
	}
	return b.String()
}

// Unfit returns the first field of s, by key, that its type does not take, as an
// *Error, or nil.
func (s *Spec) Unfit() error {
	keys := CheckKeys(s.Type)
	if keys == nil || s.Type == "" {
		return WrongType(s.Type)
	}
	v := reflect.ValueOf(s).Elem()
	fields := Fields(v.Type())
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(keys, key) && !v.FieldByIndex(fields[key].Index).IsZero() {
			return UnknownCheckKey(key, s.Type)
		}
	}
	return nil
}

// WrongType returns the *Error of a check whose type is missing or unknown.
func WrongType(typ string) *Error {
	all := strings.Join(Types(), ", ")
	if typ == "" {
		return Errorf("type", "is missing; must be one of %s", all)
	}
	e := Errorf("type", "there is no type %q; must be one of %s", typ, all)
	e.Nearest = nearest.Likely(typ, Types())
	return e
}

// UnknownCheckKey returns the *Error of a key that a check of the type does not take.
func UnknownCheckKey(key, typ string) *Error {
	var having []string
	for _, other := range Types() {
		if slices.Contains(specKeys[other], key) {
			having = append(having, other)
		}
	}
	if typ != "" && len(having) > 0 {
		return Errorf(key, "a check of type %s has no such key; those of type %s have", typ, strings.Join(having, ", "))
	}
	return UnknownKey(key, CheckKeys(typ))
}

// UnknownKey returns the *Error of an unknown key, with the known one that it resembles,
// or with all that may stand in its place.
func UnknownKey(key string, known []string) *Error {
	group := key[:strings.LastIndexByte(key, '.')+1] // "retention." of "retention.days"
	var rest, beside []string                        // of those in the group: without it, and to its next part
	for _, k := range known {
		if r, ok := strings.CutPrefix(k, group); ok {
			first, _, _ := strings.Cut(r, ".")
			rest, beside = append(rest, r), append(beside, group+first)
		}
	}
	if near := nearest.Likely(key[len(group):], rest); near != "" {
		return &Error{Field: key, Problem: "unknown key", Nearest: group + near}
	}
	slices.Sort(beside)
	return Errorf(key, "unknown key; known are %s", strings.Join(slices.Compact(beside), ", "))
}
