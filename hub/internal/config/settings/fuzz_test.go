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

// FuzzParseCheck: what is sent alone is a valid check that needs nothing of the hub's
// machine, or its errors name fields of that check and no place in a file.
func FuzzParseCheck(f *testing.F) {
	f.Add(`{"name": "database", "type": "postgres", "url": "postgres://app:secret@db/app", "interval": "10s", "critical": true}`)
	f.Add(`{"name": "a", "type": "http", "url": "env:A", "headers": {"a": "b"}, "status": [200], "json": {"a": [1, null]}}`)
	f.Add(`{"name": "a", "type": "kserve", "url": "file:/a", "canary": {"body": {"a": {}}, "shape": [-1]}, "tls": {"ca": "/a"}}`)
	f.Add(`{"name": "a", "type": "disk", "path": "/", "min_free": "10%", "depends_on": ["a", 1]}`)
	f.Add("name: a\ntype: tcp\nurl: unix:///a\n")
	f.Add(`[{"name": "a"}, {}]`)
	f.Fuzz(func(t *testing.T, content string) {
		check, err := ParseCheck([]byte(content), makers)
		if err == nil {
			if local := check.Local(); check.Name == "" || local != nil {
				t.Errorf("accepted: %+v, %v", check, local)
			}
			return
		}
		wrong, ok := errors.AsType[config.Errors](err)
		if !ok || len(wrong) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		for _, e := range wrong {
			if e.Path != "" || e.Line != 0 || strings.HasPrefix(e.Field, sentCheck) || e.Problem == "" {
				t.Errorf("of a file: %+v", e)
			}
		}
	})
}
