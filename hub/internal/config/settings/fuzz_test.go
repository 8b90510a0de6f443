package settings

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
)

// FuzzFile: any file yields a valid configuration, or errors that each have a place, and
// never the secret.
func FuzzFile(f *testing.F) {
	documented, err := os.ReadFile("testdata/kymo.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(documented))
	f.Add("checks: [{name: a, type: http, url: env:A, headers: {a: b}, status: [200], json: {a: [1, null]}}]")
	f.Add("checks:\n  - name: a\n    type: kserve\n    canary: {body: {a: {}}, shape: [-1], budget: 1s}\n")
	f.Add("checks: [&a {name: a, type: disk, min_free: 10%}, *a]\nservices:\n- ? [a]\n  : b\n")
	f.Add("slow: {target: 1s, routes: [{endpoint: /a, target: 1s}, {endpoint: /a}]}\nlog_level: loud\ntokens: {read: env:A}\n---\na")
	f.Add("listen: ':1'\nretention: {age: 1s, size: 1}\nchecks: {a: b}\nservices: [{name: 1, silence: 1ms, health: env:B}]")
	const secret = "hunter2-hunter2"
	vars := map[string]string{"A": "http://user:" + secret + "@a", "B": secret}
	f.Fuzz(func(t *testing.T, content string) {
		if strings.Contains(content, "file:") || strings.Contains(content, secret) {
			t.Skip() // files are of this machine, and what is known is no secret
		}
		c, err := read(content, vars)
		if err == nil {
			if again := c.Validate(makers); again != nil {
				t.Errorf("was valid, and is not: %v", again)
			}
			return
		}
		wrong, ok := errors.AsType[config.Errors](err)
		if !ok || len(wrong) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		// In YAML a carriage return ends a line, too, with or without a line feed.
		lines := 1 + strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(content), "\n")
		for _, e := range wrong {
			if e.Path != "kymo.yaml" || e.Line < 1 || e.Line > lines+1 || e.Problem == "" {
				t.Errorf("without its place: %+v", e)
			}
			if strings.Contains(e.Error(), secret) {
				t.Errorf("shows a secret: %v", e)
			}
		}
	})
}
