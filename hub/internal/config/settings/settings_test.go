package settings

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/probe"
	"github.com/kymohq/kymo/hub/internal/report"
)

var makers = config.Makers{Probe: probe.New, Service: probe.Service}

// read loads a file of this content, named kymo.yaml in errors.
func read(content string, vars map[string]string) (*config.Config, error) {
	return parse(Source{Path: "kymo.yaml", Vars: vars}, []byte(content), makers)
}

func TestSettingsOfEachPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kymo.yaml")
	write(t, path, `
listen: 127.0.0.1:1
store: |
  ./from file
retention: {age: 1h, size: 1.5GiB}
slow: {target: 1s, min_samples: 1, routes: [{endpoint: "/a", target: 2s}]}
tokens: {ingest: "env:SECRET", read: plain}
insecure_listen: true
hosts: [kymo, kymo.example.com]
log_level: warn
`)
	want := &config.Config{
		Listen: "127.0.0.1:1", InsecureListen: true, Store: "./from file", LogLevel: slog.LevelWarn,
		Retention: config.Retention{Age: time.Hour, Size: 3 << 29},
		Slow:      report.Slow{Target: time.Second, MinSamples: 1, Routes: []report.RouteTarget{{Endpoint: "/a", Target: 2 * time.Second}}},
		Tokens:    config.Tokens{Ingest: "hunter2", Read: "plain"},
		Hosts:     []string{"kymo", "kymo.example.com"},
	}
	vars := map[string]string{"SECRET": "hunter2", "KYMO_UNKNOWN_TO_US": "x", "KYMO_STORE": "", "KYMO_CHECKS": ""}
	check := func(place string, flags map[string]string) {
		t.Helper()
		got, err := Load(Source{Path: path, Vars: vars, Flags: flags}, makers)
		if err != nil {
			t.Fatal(err)
		}
		got.Places = nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", place, got, want)
		}
	}
	check("file", nil)

	// A secret may be in a variable that is named almost like a setting.
	vars["KYMO_TOKEN_READ"] = "secret"
	vars["KYMO_TOKENS_READ"] = "env:KYMO_TOKEN_READ"
	vars["KYMO_SLOW_ROUTES"] = "/b=3s, /c=x=4s"
	vars["KYMO_HOSTS"] = "a, b.example"
	want.Hosts = []string{"a", "b.example"}
	vars["KYMO_RETENTION_SIZE"] = "2 MB"
	want.Tokens.Read = "secret"
	want.Slow.Routes = []report.RouteTarget{{Endpoint: "/b", Target: 3 * time.Second}, {Endpoint: "/c=x", Target: 4 * time.Second}}
	want.Retention.Size = 2e6
	check("environment", nil)

	want.Retention.Size = 7 << 20
	want.Slow.MinSamples = 3
	want.Hosts = []string{"c"}
	check("flags", map[string]string{"retention.size": "7MiB", "slow.min_samples": "3", "hosts": "c"})
}

func TestFilesThatHoldNothing(t *testing.T) {
	for _, content := range []string{"", "# only a comment\n"} {
		got, err := read(content, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := config.Default()
		want.Empty = true
		if got.Places = nil; !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v", content, got)
		}
	}
}

// The error of a file that cannot be read names what named the file.
func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	absent := filepath.Join(dir, "absent.yaml")
	for _, test := range []struct {
		from Source
		want string
	}{
		{Source{Path: absent, Named: "--config"}, "--config: cannot read " + absent + ": no such file or directory"},
		{Source{Path: absent, Named: "KYMO_CONFIG"}, "KYMO_CONFIG: cannot read " + absent + ": no such file or directory"},
		{Source{Path: dir}, "cannot read " + dir + ": is a directory"},
	} {
		if _, err := Load(test.from, makers); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestErrorsOfFiles(t *testing.T) {
	for content, want := range map[string]string{
		"slow: {min_samples: 0}":                       `kymo.yaml:1: slow.min_samples: "0" is not a number of requests; write a whole number from 1, like 20`,
		"retention: {size: 1}":                         `kymo.yaml:1: retention.size: "1" is not a size; write a number above 0 with its unit, like 20GiB or 500MB`,
		"retention: {size: 99999999TiB}":               `kymo.yaml:1: retention.size: "99999999TiB" is not a size; write a number above 0 with its unit, like 20GiB or 500MB`,
		"listen: 127.0.0.1:99999":                      `kymo.yaml:1: listen: the port of "127.0.0.1:99999" must be a number from 0 to 65535, as in 127.0.0.1:5966`,
		"slow: {routes: [5s]}":                         `kymo.yaml:1: slow.routes[0]: must be a mapping, like {endpoint: "/reports/{id}", target: 5s}`,
		"slow: {routes: [{endpoint: [], target: 1s}]}": `kymo.yaml:1: slow.routes[0].endpoint: must be a single value, not a list`,
		"slow: {target: {p95: 1s}}":                    `kymo.yaml:1: slow.target: must be a single value, not a mapping`,
		"slow: {target: }":                             `kymo.yaml:1: slow.target: has no value; write one, or omit the key`,
		"retention: 72h":                               `kymo.yaml:1: retention: must be a mapping, like {age: 168h, size: 20GiB}`,
		"retention: {days: 3}":                         `kymo.yaml:1: retention.days: unknown key; known are retention.age, retention.size`,
		"port: 80":                                     `kymo.yaml:1: port: unknown key; known are checks, drain_delay, hosts, insecure_listen, listen, log_level, maintenance, retention, services, slow, store, templates, tokens`,
		"slow: {routes: [{target: 1s}]}":               `kymo.yaml:1: slow.routes[0].endpoint: is missing; write a route template, like /reports/{id}`,
		"tokens: {read: \"env:ABSENT\"}":               `kymo.yaml:1: tokens.read: the environment variable ABSENT, which should hold the token, is not set`,
		"slow:\n\ttarget: 1s":                          `kymo.yaml:2: not YAML: indented with a tab; use spaces`,
		"store: ./a\nstore: ./b":                       `kymo.yaml:2: not YAML: mapping key "store" already defined at [1:1]`,
		"hosts: kymo":                                  `kymo.yaml:1: hosts: must be a list, like [kymo.example.com]`,
		"hosts:\n  - kymo\n  - kymo:5966":              `kymo.yaml:3: hosts[1]: "kymo:5966" has a port; write a name alone, like kymo.example.com`,
		"retention: {agee: 1h}":                        `kymo.yaml:1: retention.agee: unknown key; the nearest known one is retention.age`,
		"tokens: {ingest: \"hunter 2\"}":               `kymo.yaml:1: tokens.ingest: the token must be of visible ASCII characters without spaces, or it cannot be sent in a header`,
		"log_level: loud":                              `kymo.yaml:1: log_level: "loud" is not a level; must be one of debug, info, warn, error`,
	} {
		if _, err := read(content, nil); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
}

// Everything that is wrong is reported, in the order of the file, and nothing more
// of an entry that could not be read.
func TestAllErrorsOfAFile(t *testing.T) {
	_, err := read(`retention: {age: 1s}
checks:
  - {name: disk, type: disk, path: /, intervall: 1s}
  - {type: tcp, url: "tcp://a:1", timeout: soon}
  - {name: disk, type: disk, path: /var}
  - none
services:
  - {name: disk}
listen: 0.0.0.0:1
tokens: {read: "env:ABSENT", ingest: a}
`, map[string]string{"KYMO_SLOW_TARGET": "fast", "KYMO_SERVICES": "x", "KYMO_TOKENSREAD": "x"})
	want := []string{
		"kymo.yaml:1: retention.age: is 1s; must be from 1h",
		"kymo.yaml:3: checks[0].intervall: unknown key; the nearest known one is interval",
		`kymo.yaml:4: checks[1].timeout: "soon" is not a duration`,
		`kymo.yaml:5: checks[2].name: "disk" is the name of checks[0] already, on line 3`,
		"kymo.yaml:6: checks[3]: must be a mapping, like {name: database",
		`kymo.yaml:8: services[0].name: "disk" is the name of checks[0] already, on line 3`,
		"kymo.yaml:10: tokens.read: the environment variable ABSENT",
		`KYMO_SLOW_TARGET: "fast" is not a duration`,
		"KYMO_SERVICES: services can only be in the configuration file",
		"KYMO_TOKENSREAD: unknown environment variable; the nearest known one is KYMO_TOKENS_READ",
	}
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got\n%s", err)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("got %s, want %s", lines[i], want[i])
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
