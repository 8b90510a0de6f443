package main

import (
	"os"
	"strings"
	"testing"
)

// A URL whose password was not escaped is refused, wherever it is written, and no part
// of it is shown or looked up: a host before it would be, so that there is none.
func TestUnescapedPasswords(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, url := range []string{
		"postgres://me:plum@fig7@127.0.0.1:1/kymo",
		"postgres://me:x@plum@fig7@127.0.0.1:1/kymo",
		"postgresql://me:plum/fig7@127.0.0.1:1/kymo",
		"postgres://me:plum/fig7@y@127.0.0.1:1/kymo",
		"postgres://me:1/fig7@127.0.0.1:1/kymo",
		"postgres://me:plum?fig7@127.0.0.1:1/kymo",
		"postgres://me:plum#fig7@127.0.0.1:1/kymo",
		"postgres://me:plum%fig7@127.0.0.1:1/kymo",
		"clickhouse://me:plum@fig7@127.0.0.1:1/kymo",
		"clickhouse://me:plum/fig7@127.0.0.1:1/kymo",
		"clickhouse://me:plum?fig7@127.0.0.1:1/kymo",
		"clickhouse://me:plum%fig7@127.0.0.1:1/kymo",
	} {
		kind, _, _ := strings.Cut(url, ":")
		kind = strings.TrimSuffix(kind, "ql")
		for name, text := range map[string]string{
			"store.yaml":   "store: '" + url + "'\n",
			"check.yaml":   "checks: [{name: db, type: " + kind + ", url: '" + url + "'}]\n",
			"env.yaml":     "store: env:SECRET_URL\n",
			"secret.txt":   url + "\n",
			"unclosed.yml": "store: '" + url + "\n",
		} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range []string{
			"serve --listen 127.0.0.1:0 --store " + url,
			"serve --listen 127.0.0.1:0 --store env:SECRET_URL",
			"serve --listen 127.0.0.1:0 --store file:secret.txt",
			"serve --listen 127.0.0.1:0 --config store.yaml",
			"serve --listen 127.0.0.1:0 --config unclosed.yml",
			"config check env.yaml",
			"check --config store.yaml",
			"copy " + url + " there",
			"copy env:SECRET_URL there",
			"copy here " + url,
			"check --config check.yaml",
		} {
			j := &judge{vars: map[string]string{"SECRET_URL": url}}
			r := j.kymo(t, strings.Fields(args)...)
			said := r.stdout.String() + r.stderr.String()
			if r.status == 0 || strings.Contains(said, "plum") || strings.Contains(said, "fig7") {
				t.Errorf("%s with %s: status %d:\n%s", args, url, r.status, said)
			}
			if explained := strings.Contains(said, "percent-encoded"); !explained && !strings.Contains(args, "unclosed") && !strings.Contains(args, "check.yaml") && r.status == 2 {
				t.Errorf("%s with %s does not explain the spelling:\n%s", args, url, said)
			}
		}
	}
	j := &judge{vars: map[string]string{"KYMO_STORE": "postgres://me:plum@fig7@127.0.0.1:1/kymo"}}
	if r := j.kymo(t, "serve", "--listen", "127.0.0.1:0"); r.status != 2 || !strings.Contains(r.stderr.String(), "percent-encoded") || strings.Contains(r.stderr.String(), "plum") {
		t.Errorf("in KYMO_STORE: %d, %s", r.status, &r.stderr)
	}
}
