package config_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/probe"
	"github.com/kymohq/kymo/hub/internal/report"
)

var makers = config.Makers{Probe: probe.New, Service: probe.Service, Store: func(text string) error {
	if text == "redis://db" {
		return errors.New("there is no redis store")
	}
	return nil
}}

// verdict returns the errors of Validate, a line for each.
func verdict(c *config.Config) string {
	if err := c.Validate(makers); err != nil {
		return err.Error()
	}
	return ""
}

func TestDefaultIsValid(t *testing.T) {
	for _, c := range []*config.Config{config.Default(), {}} {
		if got := verdict(c); got != "" {
			t.Error(got)
		}
		if c.Retention.Age != config.DefaultAge {
			t.Errorf("kept for %s", c.Retention.Age)
		}
	}
}

func TestEachErrorNamesItsField(t *testing.T) {
	routes := func(r ...report.RouteTarget) config.Config { return config.Config{Slow: report.Slow{Routes: r}} }
	check := func(change func(*config.Check)) config.Config {
		c := config.Check{Name: "a", Spec: config.Spec{Type: "tcp", URL: "tcp://127.0.0.1:1"}}
		change(&c)
		return config.Config{Checks: []config.Check{{Name: "first", Spec: config.Spec{Type: "disk", Path: "/"}}, c}}
	}
	depends := func(on ...[]string) config.Config {
		c := config.Config{Services: []config.Service{{Name: "shop"}}}
		for i, parents := range on {
			name := string(rune('a' + i))
			c.Checks = append(c.Checks, config.Check{Name: name, Spec: config.Spec{Type: "disk", Path: "/"}, Rules: health.Rules{DependsOn: parents}})
		}
		return c
	}
	service := func(s config.Service) config.Config { return config.Config{Services: []config.Service{s}} }
	for _, test := range []struct {
		config config.Config
		want   string // the beginning of the only error
	}{
		{config.Config{Listen: "5966"}, `listen: "5966" is not an address; write host:port`},
		{config.Config{Listen: "127.0.0.1:99999"}, `listen: the port of "127.0.0.1:99999" must be a number from 0 to 65535, as in 127.0.0.1:5966`},
		{config.Config{Listen: ":1"}, "listen: other machines can reach :1, and tokens.ingest and tokens.read are not set"},
		{config.Config{Listen: "[::]:1", Tokens: config.Tokens{Ingest: "a"}}, "listen: other machines can reach [::]:1, and tokens.read is not set"},
		{config.Config{Listen: "hub.example:1", Tokens: config.Tokens{Read: "a"}}, "listen: other machines can reach hub.example:1, and tokens.ingest is not set"},
		{config.Config{Store: "redis://db"}, "store: there is no redis store"},
		{config.Config{Tokens: config.Tokens{Ingest: "a b"}}, "tokens.ingest: the token must be of visible ASCII"},
		{config.Config{Tokens: config.Tokens{Read: "é"}}, "tokens.read: the token must be"},
		{config.Config{Hosts: []string{"kymo", "http://kymo"}}, `hosts[1]: "http://kymo" is a URL; write a name alone`},
		{config.Config{Retention: config.Retention{Age: time.Second}}, "retention.age: is 1s; must be from 1h"},
		{config.Config{Retention: config.Retention{Age: -time.Hour}}, "retention.age: is -1h0m0s"},
		{config.Config{Retention: config.Retention{Age: 876000 * time.Hour}}, "retention.age: is 876000h0m0s"},
		{config.Config{Retention: config.Retention{Size: 5}}, "retention.size: is 5 bytes; must be at least 1048576"},
		{config.Config{Slow: report.Slow{Target: -1}}, "slow.target: is -1ns; must be positive"},
		{config.Config{Slow: report.Slow{MinSamples: -1}}, "slow.min_samples: is -1; must be positive"},
		{routes(report.RouteTarget{Endpoint: "/a", Target: 1}, report.RouteTarget{Endpoint: "/b"}), "slow.routes[1].target: is 0s; must be above 0"},
		{routes(report.RouteTarget{Target: 1}), "slow.routes[0].endpoint: is missing; write a route template"},
		{routes(report.RouteTarget{Endpoint: strings.Repeat("x", 300), Target: 1}), "slow.routes[0].endpoint: has 300 bytes; a route template has at most 255"},
		{routes(report.RouteTarget{Endpoint: "/a", Target: 1}, report.RouteTarget{Endpoint: "/a", Target: 2}), `slow.routes[1].endpoint: "/a" has a target already, in slow.routes[0]`},
		{config.Config{MaxEndpoints: -1}, "max_endpoints: is -1; must be positive, or 0 for 1000"},
		{config.Config{MaxServices: -1}, "max_services: is -1; must be positive, or 0 for 1000"},

		{check(func(c *config.Check) { c.Name = "" }), "checks[1].name: is missing"},
		{check(func(c *config.Check) { c.Name = "first" }), `checks[1].name: "first" is the name of checks[0] already; give`},
		{check(func(c *config.Check) { c.Name = "a/b" }), `checks[1].name: "a/b" contains a "/"`},
		{check(func(c *config.Check) { c.Name = "a\n" }), "checks[1].name: contains U+000A, a control character or one that cannot be seen"},
		{check(func(c *config.Check) { c.Name = "a\u202e" }), "checks[1].name: contains U+202E, a control character or one that cannot be seen"},
		{service(config.Service{Name: "a\u200b"}), "services[0].name: contains U+200B"},
		{routes(report.RouteTarget{Endpoint: "/a\u2028", Target: 1}), "slow.routes[0].endpoint: contains U+2028"},
		{check(func(c *config.Check) { c.Name = strings.Repeat("x", 101) }), "checks[1].name: must be 1 to 100 bytes"},
		{check(func(c *config.Check) { c.Type = "" }), "checks[1].type: is missing; must be one of clickhouse, disk"},
		{check(func(c *config.Check) { c.Type = "postgress" }), `checks[1].type: there is no type "postgress"`},
		{check(func(c *config.Check) { c.URL = "http://x" }), "checks[1].url: must begin with tcp://"},
		{check(func(c *config.Check) { c.MaxLag = 1 }), "checks[1].max_lag: a check of type tcp has no such key; those of type mysql, postgres, redis have"},
		{check(func(c *config.Check) { c.Interval, c.Timeout = time.Second, 2*time.Second }), "checks[1].timeout: is 2s; must be above 0 and at most the interval, 1s"},
		{check(func(c *config.Check) { c.Interval = -1 }), "checks[1].interval: is -1ns; must be at least"},
		{check(func(c *config.Check) { c.DegradedOver = time.Hour }), "checks[1].degraded_over: is 1h0m0s; must be less than the timeout"},
		{check(func(c *config.Check) { c.Failures = -1 }), "checks[1].failures: is -1; must be from 1 to 100"},
		{check(func(c *config.Check) { c.Successes = 101 }), "checks[1].successes: is 101; must be from 1 to 100"},
		{check(func(c *config.Check) { c.DependsOn = []string{""} }), `checks[1].depends_on: "" is not the name of a check`},
		{check(func(c *config.Check) { c.DependsOn = []string{"frist"} }), `checks[1].depends_on[0]: there is no check or service "frist" in the configuration; the nearest known one is first`},
		{depends([]string{"shop", "a"}), "checks[0].depends_on[1]: is the check itself; leave it out"},
		{depends([]string{"shop", "shop"}), `checks[0].depends_on[1]: names "shop" again; leave it out`},
		{depends([]string{"shop", "b"}, []string{"c"}, []string{"shop", "b"}), "checks[1].depends_on: is a circle: b depends on c depends on b; remove one of them"},
		{service(config.Service{Name: "a", Rules: health.Rules{DependsOn: []string{"b"}}}), `services[0].depends_on[0]: there is no check or service "b" in the configuration`},

		{service(config.Service{}), "services[0].name: is missing"},
		{service(config.Service{Name: "kymo-store"}), `services[0].name: "kymo-store" is kept for a check of the hub itself; give it another name`},
		{check(func(c *config.Check) { c.Name = "kymo-config" }), `checks[1].name: "kymo-config" is kept for a check of the hub itself`},
		{service(config.Service{Name: "a", Poll: config.Poll{Health: "ftp://user:secret@host"}}), "services[0].health: must begin with http:// or https://"},
		{service(config.Service{Name: "a", Poll: config.Poll{Token: "secret"}}), "services[0].token: has no effect without health, the URL to poll"},
		{service(config.Service{Name: "a", Poll: config.Poll{TLS: &config.TLS{}}}), "services[0].tls: has no effect without health, the URL to poll"},
		{service(config.Service{Name: "a", Silence: time.Millisecond}), "services[0].silence: is 1ms; must be at least 1s"},
		{service(config.Service{Name: "a", Silence: time.Minute, DownAfter: time.Minute}), "services[0].silence: is 1m0s; must be less than the time after which it is down, 1m0s"},
		{service(config.Service{Name: "a", Rules: health.Rules{Interval: time.Second, Timeout: time.Minute}}), "services[0].timeout: is 1m0s; must be above 0 and at most"},
	} {
		got := verdict(&test.config)
		if !strings.HasPrefix(got, test.want) || strings.Contains(got, "\n") || strings.Contains(got, "secret") {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// What depends on another is valid in any order, and so is a rhombus.
func TestDependencies(t *testing.T) {
	disk := config.Spec{Type: "disk", Path: "/"}
	c := config.Config{
		Checks: []config.Check{
			{Name: "top", Spec: disk, Rules: health.Rules{DependsOn: []string{"left", "right", "shop"}}},
			{Name: "left", Spec: disk, Rules: health.Rules{DependsOn: []string{"bottom"}}},
			{Name: "right", Spec: disk, Rules: health.Rules{DependsOn: []string{"bottom"}}},
			{Name: "bottom", Spec: disk},
		},
		Services: []config.Service{{Name: "shop", Rules: health.Rules{DependsOn: []string{"bottom"}}}},
	}
	if got := verdict(&c); got != "" {
		t.Error(got)
	}
	c.Checks[3].Name = ""
	if got := verdict(&c); !strings.HasPrefix(got, "checks[3].name: is missing") || strings.Contains(got, "\n") {
		t.Errorf("without a name: %s", got)
	}
}

// A hub that other machines reach requires tokens, or explicit consent.
func TestExposure(t *testing.T) {
	for _, c := range []config.Config{
		{Listen: "127.8.8.8:1"}, {Listen: "[::1]:1"}, {Listen: "localhost:1"},
		{Listen: "0.0.0.0:1", InsecureListen: true},
		{Listen: "0.0.0.0:1", Tokens: config.Tokens{Ingest: "a", Read: "b"}},
	} {
		if got := verdict(&c); got != "" {
			t.Errorf("%s: %s", c.Listen, got)
		}
	}
}

func TestAllErrorsAreReported(t *testing.T) {
	c := config.Config{
		Slow:   report.Slow{Target: -1, MinSamples: -1},
		Checks: []config.Check{{Name: "a", Rules: health.Rules{Interval: -1}}, {Spec: config.Spec{Type: "disk"}}},
		Places: config.Places{
			"slow": {Path: "kymo.yaml", Line: 9}, "checks[0]": {Path: "kymo.yaml", Line: 2},
			"checks[1]": {Path: "kymo.yaml", Line: 3}, "checks[1].type": {Path: "kymo.yaml", Line: 4}, "slow.target": {Path: "--slow-target"},
		},
	}
	want := []string{
		"kymo.yaml:2: checks[0].type: is missing", "kymo.yaml:2: checks[0].interval: is -1ns",
		"kymo.yaml:3: checks[1].name: is missing", "kymo.yaml:3: checks[1].path: must be absolute",
		"kymo.yaml:9: slow.min_samples: is -1", "--slow-target: is -1ns; must be positive",
	}
	lines := strings.Split(verdict(&c), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got %q", lines)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("got %s, want %s", lines[i], want[i])
		}
	}
}

// A program that embeds the hub passes probes of its own.
func TestProbesOfGoCode(t *testing.T) {
	given := config.Config{
		Checks:   []config.Check{{Name: "a", Probe: health.TCP("127.0.0.1:1")}, {Name: "b"}},
		Services: []config.Service{{Name: "c", Probe: health.TCP("127.0.0.1:1")}, {Name: "d"}},
	}
	err := given.Validate(config.Makers{})
	if err == nil || err.Error() != "checks[1].probe: has no Run function; make it with Func, SQL, HTTP or the like" {
		t.Error(err)
	}
	if c, d := given.Services[0], given.Services[1]; c.Failures != 0 || d.Failures != 1 || d.Interval != time.Second || d.Silence == 0 {
		t.Errorf("got %+v, %+v", c, d)
	}
}

func TestNamesOfKeys(t *testing.T) {
	for key, name := range map[string]string{
		"checks[1].max_lag": "Checks[1].MaxLag", "url": "URL", "canary.shape": "Canary.Shape", "checks[0].json": "Checks[0].JSON",
		"slow.routes[0].endpoint": "Slow.Routes[0].Endpoint", "max_endpoints": "MaxEndpoints",
	} {
		if got := config.GoName(key); got != name {
			t.Errorf("%s is %s, want %s", key, got, name)
		}
	}
	for _, s := range []any{config.Check{}, config.Service{}, config.Canary{}} {
		for key, field := range config.Fields(reflect.TypeOf(s)) {
			if got := config.GoName(key); got != field.Name {
				t.Errorf("%s is %s, and that is %s", field.Name, key, got)
			}
		}
	}
}

// Every key of a type is a field of Spec, and each such field belongs to a type.
func TestKeysOfTypes(t *testing.T) {
	used := make(map[string]bool)
	all := config.CheckKeys("")
	for _, typ := range config.Types() {
		for _, key := range config.CheckKeys(typ) {
			used[key] = true
		}
	}
	for _, key := range all {
		if !used[key] {
			t.Errorf("no type has the key %s", key)
		}
		delete(used, key)
	}
	if len(used) > 0 {
		t.Errorf("keys without a field: %v", used)
	}
	if config.CheckKeys("postgress") != nil {
		t.Error("a type that there is not has keys")
	}
}
