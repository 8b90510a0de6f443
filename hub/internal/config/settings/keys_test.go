package settings

import (
	"reflect"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
)

// Each key whose value is not a single one has an example for the error that says so, and
// the examples are right.
func TestExamplesOfValues(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[config.Check](), reflect.TypeFor[config.Service](), reflect.TypeFor[config.Canary](),
	} {
		for key, f := range config.Fields(typ) {
			switch f.Type.Kind() {
			case reflect.Slice, reflect.Map, reflect.Pointer:
				if examples[key] == "" {
					t.Errorf("%s: %s has no example", typ, key)
				}
			}
		}
	}
	if got := examples[hostsKey]; got == "" {
		t.Errorf("%s has no example", hostsKey)
	}
	for group, example := range groups {
		if _, err := read(group+": "+example, map[string]string{"KYMO_INGEST_TOKEN": "a", "KYMO_READ_TOKEN": "b"}); err != nil {
			t.Errorf("%s: the example %s is wrong: %v", group, example, err)
		}
	}
	model := "checks: [{name: m, type: kserve, url: \"http://127.0.0.1:8080\", models: [fraud], KEY: EXAMPLE}]"
	web := "checks: [{name: w, type: http, url: \"http://127.0.0.1/\", KEY: EXAMPLE}]"
	for key, file := range map[string]string{
		"hosts": "KEY: EXAMPLE", "canary": model, "headers": web, "json": web, "status": web,
		"expect": "checks: [{name: d, type: dns, url: \"dns://127.0.0.1/example.com\", KEY: EXAMPLE}]",
		"models": strings.Replace(model, " models: [fraud],", "", 1),
		"body":   strings.Replace(model, "KEY: EXAMPLE", "canary: {KEY: EXAMPLE}", 1),
		"shape":  strings.Replace(model, "KEY: EXAMPLE", "canary: {body: {inputs: [1]}, KEY: EXAMPLE}", 1),
	} {
		content := strings.NewReplacer("KEY", key, "EXAMPLE", examples[key]).Replace(file)
		if _, err := read(content, map[string]string{"API_TOKEN": "x"}); err != nil {
			t.Errorf("%s: the example %s is wrong: %v", key, examples[key], err)
		}
	}
}
