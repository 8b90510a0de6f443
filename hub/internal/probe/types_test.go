package probe

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
)

// Whatever type the configuration knows can be made, and no other.
func TestEachTypeHasAConstructor(t *testing.T) {
	if got := slices.Sorted(maps.Keys(constructors)); !slices.Equal(got, config.Types()) {
		t.Errorf("constructors of %v, types %v", got, config.Types())
	}
}

// A field that the type does not take is refused, also from Go code.
func TestFieldsOfOtherTypes(t *testing.T) {
	for want, s := range map[string]Spec{
		"models: a check of type redis has no such key; those of type kserve, openai, tfserving, torchserve have": {Type: "redis", URL: "redis://a", Models: []string{"m"}},
		"url: a check of type disk has no such key; those of type clickhouse, ":                                   {Type: "disk", Path: "/", URL: "file:///"},
		"type: there is no type \"postgress\"; must be one of clickhouse, ":                                       {Type: "postgress"},
		"type: is missing; must be one of clickhouse, ":                                                           {URL: "http://a"},
	} {
		if _, err := New(&s); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
