package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file that others may read is warned of if it contains a secret, and only then.
func TestExposedSecrets(t *testing.T) {
	vars := map[string]string{"SECRET": "geheim", "KYMO_TOKENS_READ": "in-the-environment"}
	for text, exposed := range map[string]bool{
		"listen: 127.0.0.1:1\n":                                                      false,
		"tokens: {ingest: geheim}\n":                                                 true,
		"tokens: {ingest: env:SECRET}\n":                                             false,
		"store: postgres://kymo:geheim@db/kymo\n":                                    true,
		"store: postgres://kymo@db/kymo\n":                                           false,
		"checks: [{name: a, type: postgres, url: 'postgres://app:geheim@db/app'}]\n": true,
		"checks: [{name: a, type: http, url: 'http://h/', headers: {Authorization: Bearer geheim}}]\n":        true,
		"checks: [{name: a, type: http, url: 'http://h/', headers: {Accept: text/html}}]\n":                   false,
		"checks: [{name: a, type: openai, url: 'http://h', key: geheim}]\n":                                   true,
		"checks: [{name: a, type: openai, url: 'http://h', key: 'env:SECRET'}]\nservices: [{name: orders}]\n": false,
	} {
		for _, mode := range []os.FileMode{0o600, 0o640, 0o604, 0o644} {
			path := filepath.Join(t.TempDir(), "kymo.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			c, err := Load(Source{Path: path, Vars: vars}, makers)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if want := exposed && mode != 0o600; (len(c.Warnings) == 1) != want {
				t.Errorf("%swith mode %o: warnings %q", text, mode, c.Warnings)
			}
			for _, w := range c.Warnings {
				if !strings.HasPrefix(w, path+": ") || strings.Contains(w, "geheim") {
					t.Error(w)
				}
			}
		}
	}
}
