package settings

import (
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
)

// A file with a key is not empty, even if a flag overrides it or its value is an empty
// list.
func TestEmpty(t *testing.T) {
	for content, want := range map[string]bool{
		"":                     true,
		"# nothing\n":          true,
		"---\n# nothing\n":     true,
		"store: ./x":           false,
		"checks: []":           false,
		"slow: {routes: []}":   false,
		"{}":                   false,
		"# one\nlisten: a:1\n": false,
	} {
		c, err := parse(Source{Path: "kymo.yaml", Flags: map[string]string{"store": "./y", "listen": "127.0.0.1:0"}}, []byte(content), config.Makers{})
		if err != nil || c.Empty != want {
			t.Errorf("%q: %+v, %v", content, c, err)
		}
	}
}
