package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

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
`)
	want := &settings{
		listen: "127.0.0.1:1", insecureListen: true, store: "./from file",
		retentionAge: time.Hour, retentionSize: 3 << 29,
		slowTarget: time.Second, slowMinSamples: 1, slowRoutes: []slowRoute{{"/a", 2 * time.Second}},
		ingestToken: "hunter2", readToken: "plain",
	}
	vars := map[string]string{"SECRET": "hunter2", "KYMO_UNKNOWN_TO_US": "x", "KYMO_STORE": ""}
	check := func(place string, flags map[string]string) {
		t.Helper()
		got, err := loadSettings(path, vars, flags)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", place, got, err, want)
		}
	}
	check("file", nil)

	// A secret may be in a variable that is named almost like a setting.
	vars["KYMO_TOKEN_READ"] = "secret"
	vars["KYMO_TOKENS_READ"] = "env:KYMO_TOKEN_READ"
	vars["KYMO_SLOW_ROUTES"] = "/b=3s, /c=x=4s"
	vars["KYMO_RETENTION_SIZE"] = "2 MB"
	want.readToken = "secret"
	want.slowRoutes = []slowRoute{{"/b", 3 * time.Second}, {"/c=x", 4 * time.Second}}
	want.retentionSize = 2e6
	check("environment", nil)

	want.retentionSize = 7
	want.slowMinSamples = 3
	check("flags", map[string]string{"retention.size": "7B", "slow.min_samples": "3"})
}

// TestEachSettingHasAFlag keeps the file, the environment and the flags alike.
func TestEachSettingHasAFlag(t *testing.T) {
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	flags := make(map[string]bool)
	for _, command := range parser.Model.Children {
		if command.Name == "serve" {
			for _, f := range command.Flags {
				flags[f.Name] = true
			}
		}
	}
	for _, key := range knownKeys() {
		if !flags[flagName(key)] {
			t.Errorf("%s has no flag --%s", key, flagName(key))
		}
	}
}

func TestConfigFilesThatHoldNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kymo.yaml")
	for _, content := range []string{"", "# only a comment\n"} {
		write(t, path, content)
		got, err := loadSettings(path, nil, nil)
		if err != nil || !reflect.DeepEqual(got, defaultSettings()) {
			t.Errorf("%q: got %+v, %v", content, got, err)
		}
	}
}

func TestConfigFileErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kymo.yaml")
	for content, want := range map[string]string{
		"slow: {min_samples: 0}":                       `1: slow.min_samples: "0" is not a number of requests; write a whole number from 1, like 20`,
		"retention: {size: 1}":                         `1: retention.size: "1" is not a size; write a number above 0 with its unit, like 20GiB or 500MB`,
		"retention: {size: 99999999TiB}":               `1: retention.size: "99999999TiB" is not a size; write a number above 0 with its unit, like 20GiB or 500MB`,
		"listen: 127.0.0.1:99999":                      `1: listen: "127.0.0.1:99999" is not an address; write host:port, like 127.0.0.1:5966`,
		"slow: {routes: [5s]}":                         `1: slow.routes[0]: must be a mapping, like {endpoint: "/reports/{id}", target: 5s}`,
		"slow: {routes: [{endpoint: [], target: 1s}]}": `1: slow.routes[0].endpoint: must be a single value`,
		"slow: {routes: [{target: 1s}]}":               `1: slow.routes[0]: endpoint is missing; write a route template, like /reports/{id}`,
		"tokens: {read: \"env:ABSENT\"}":               `1: tokens.read: the environment variable ABSENT, which should hold the token, is not set`,
		"store: ./a\nstore: ./b":                       `2: not YAML: mapping key "store" already defined at [1:1]`,
	} {
		write(t, path, content)
		_, err := loadSettings(path, nil, nil)
		if err == nil || err.Error() != path+":"+want {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"retention.agee": "retention.age",
		"retnetion.age":  "retention.age", // a swap is one edit
		"slow.tagret":    "slow.target",
		"token.read":     "tokens.read",
	} {
		if got, _ := nearest(name, knownKeys()); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
