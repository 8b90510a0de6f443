package settings

import (
	"log/slog"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/template"
)

const reference = "../../../../docs/configuration.md"

// documented is a row of the reference: the type and the default of a key.
type documented struct{ typ, byDefault string }

// documentedKeys returns the rows of the section with this heading by their keys.
func documentedKeys(t *testing.T, heading string) map[string]documented {
	t.Helper()
	content, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(content), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("there is no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := make(map[string]documented)
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if key, ok := strings.CutPrefix(cells[0], "| `"); ok && len(cells) > 3 {
			rows[strings.TrimSuffix(key, "`")] = documented{cells[1], strings.Trim(cells[2], "`")}
		}
	}
	return rows
}

// TestReference: docs/configuration.md has a row for each key, with its type.
func TestReference(t *testing.T) {
	hub := make(map[string]reflect.Type)
	for _, key := range slices.Concat(settingKeys, listKeys) {
		typ := reflect.TypeFor[config.Config]()
		for part := range strings.SplitSeq(key, ".") {
			typ = config.Fields(typ)[part].Type
		}
		hub[key] = typ
	}
	fields := func(of reflect.Type) map[string]reflect.Type {
		types := make(map[string]reflect.Type)
		for key, f := range config.Fields(of) {
			types[key] = f.Type
		}
		return types
	}
	for heading, want := range map[string]map[string]reflect.Type{
		"The hub":     hub,
		"slow.routes": fields(reflect.TypeFor[report.RouteTarget]()),
		"checks":      fields(reflect.TypeFor[config.Check]()),
		"canary":      fields(reflect.TypeFor[config.Canary]()),
		"tls":         fields(reflect.TypeFor[config.TLS]()),
		"services":    fields(reflect.TypeFor[config.Service]()),
		"maintenance": fields(reflect.TypeFor[maintenance.Window]()),
		"templates":   fields(reflect.TypeFor[template.Rule]()),
		"where":       fields(reflect.TypeFor[maintenance.Where]()),
	} {
		got := documentedKeys(t, heading)
		for key, typ := range want {
			if d, ok := got[key]; !ok {
				t.Errorf("%s: %s has no row", heading, key)
			} else if want := typeName(key, typ); d.typ != want {
				t.Errorf("%s: %s: got type %s, want %s", heading, key, d.typ, want)
			}
		}
		for key := range got {
			if want[key] == nil {
				t.Errorf("%s: there is no key %s", heading, key)
			}
		}
	}
}

// typeName is what the reference calls the type of a setting.
func typeName(key string, typ reflect.Type) string {
	if typ == reflect.TypeFor[config.File]() {
		return "text"
	}
	if _, secret := secretKeys[key]; typ.Kind() == reflect.String && (secret || key == "store" || strings.HasPrefix(key, "tokens.")) {
		return "secret"
	}
	switch typ {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[slog.Level]():
		return "text"
	}
	return map[reflect.Kind]string{
		reflect.String: "text", reflect.Bool: "boolean", reflect.Int: "number", reflect.Int64: "size", reflect.Float64: "fraction",
		reflect.Slice: "list", reflect.Map: "mapping", reflect.Pointer: "mapping",
	}[typ.Kind()]
}

// TestDefaultsOfTheHub: a hub with a setting's documented default is one without the setting.
func TestDefaultsOfTheHub(t *testing.T) {
	effective := func(content string) config.Config {
		c, err := read(content, nil)
		if err != nil {
			t.Fatalf("%s: %v", content, err)
		}
		c.Places = nil
		if c.Slow.Target == 0 {
			c.Slow.Target = report.DefaultTarget
		}
		if c.Slow.MinSamples == 0 {
			c.Slow.MinSamples = report.DefaultMinSamples
		}
		return *c
	}
	without := effective("log_level: info")
	for key, d := range documentedKeys(t, "The hub") {
		if d.byDefault == "none" {
			v := reflect.ValueOf(without)
			for part := range strings.SplitSeq(key, ".") {
				v = v.FieldByIndex(config.Fields(v.Type())[part].Index)
			}
			if !v.IsZero() {
				t.Errorf("%s: the default is %v, not none", key, v)
			}
			continue
		}
		content := key + ": " + d.byDefault
		if group, rest, ok := strings.Cut(key, "."); ok {
			content = group + ": {" + rest + ": " + d.byDefault + "}"
		}
		if got := effective(content); !reflect.DeepEqual(got, without) {
			t.Errorf("%s: with %s, got %+v, want %+v as without", key, d.byDefault, got, without)
		}
	}
}

// TestDefaultsOfEntries: an entry with only the required keys is valid and has the
// documented defaults; without one of them, the error names it. The defaults of rules
// and of probes that are not here are tested beside them.
func TestDefaultsOfEntries(t *testing.T) {
	web := map[string]string{"name": "a", "type": "tcp", "url": "tcp://127.0.0.1:1"}
	disk := map[string]string{"name": "a", "type": "disk", "path": "/"}
	canary := "checks: [{name: a, type: kserve, url: \"http://127.0.0.1\", models: [m], canary: "
	for _, test := range []struct {
		heading, before, after, field string
		entry                         map[string]string
		optional                      string
	}{
		{"slow.routes", "slow: {routes: [", "]}", "slow.routes[0]", map[string]string{"endpoint": "/a", "target": "1s"}, ""},
		{"checks", "checks: [", "]", "checks[0]", web, ""},
		{"checks", "checks: [", "]", "checks[0]", disk, ""},
		{"canary", canary, "}]", "checks[0].canary", map[string]string{"body": "{inputs: [1]}"}, "model: m"},
		{"services", "services: [", "]", "services[0]", map[string]string{"name": "a"}, "critical: true"},
	} {
		content := func(without string) string {
			var pairs []string
			for _, key := range slices.Sorted(maps.Keys(test.entry)) {
				if key != without {
					pairs = append(pairs, key+": "+test.entry[key])
				}
			}
			if len(pairs) == 0 { // an entry cannot be empty
				pairs = []string{test.optional}
			}
			return test.before + "{" + strings.Join(pairs, ", ") + "}" + test.after
		}
		if _, err := read(content(""), nil); err != nil {
			t.Errorf("%s: %v", content(""), err)
		}
		rows := documentedKeys(t, test.heading)
		for key := range test.entry {
			if rows[key].byDefault != "required" {
				t.Errorf("%s: %s is required, not %s", test.heading, key, rows[key].byDefault)
			}
			want := "kymo.yaml:1: " + test.field + "." + key + ": "
			if _, err := read(content(key), nil); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", content(key), err, want)
			}
		}
	}
	c, err := read("services: [{name: a}]", nil)
	if err != nil {
		t.Fatal(err)
	}
	services := documentedKeys(t, "services")
	for key, want := range map[string]time.Duration{
		"silence": c.Services[0].Silence, "down_after": c.Services[0].DownAfter, "interval": health.DefaultInterval,
	} {
		if got, err := Duration(services[key].byDefault); err != nil || got != want {
			t.Errorf("%s: got the default %s, want %s", key, services[key].byDefault, want)
		}
	}
	checks := documentedKeys(t, "checks")
	for _, key := range []string{"interval", "timeout", "degraded_over", "failures", "successes", "critical"} {
		if services[key] != checks[key] {
			t.Errorf("%s: services have %v, checks %v", key, services[key], checks[key])
		}
	}
}

// The example of the reference is the file that the other tests read.
func TestExampleOfTheReference(t *testing.T) {
	content, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/kymo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "```yaml\n"+string(want)+"```\n") {
		t.Error("the example is not testdata/kymo.yaml")
	}
}
