package settings

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/template"
)

// TestDocumentedFile reads the file that the documentation shows.
func TestDocumentedFile(t *testing.T) {
	vars := map[string]string{"KYMO_INGEST_TOKEN": "in", "KYMO_READ_TOKEN": "out"}
	c, err := Load(Source{Path: "testdata/kymo.yaml", Vars: vars}, makers)
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Check{
		{Name: "database", Spec: config.Spec{Type: "postgres", URL: "postgres://app@127.0.0.1:5432/app"},
			Rules: health.Rules{Interval: 10 * time.Second, Timeout: 2 * time.Second, Critical: true}},
		{Name: "redis", Spec: config.Spec{Type: "redis", URL: "redis://127.0.0.1:6379/0"},
			Rules: health.Rules{Interval: 10 * time.Second, DegradedOver: 50 * time.Millisecond}},
		{Name: "ml_models", Spec: config.Spec{Type: "kserve", URL: "http://127.0.0.1:8080", Models: []string{"fraud"}},
			Rules: health.Rules{Interval: 30 * time.Second}},
	}
	if !reflect.DeepEqual(c.Checks, want) {
		t.Errorf("checks: got %+v, want %+v", c.Checks, want)
	}
	if s := c.Services; len(s) != 1 || s[0].Name != "orders" || s[0].Health != "http://127.0.0.1:8000/health" {
		t.Errorf("services: got %+v", s)
	}
	if w := (maintenance.Window{Name: "weekly", Where: &maintenance.Where{Service: "shop"}, Every: "Sun 02:00", For: time.Hour, Zone: "Europe/Berlin"}); len(c.Maintenance) != 1 || !reflect.DeepEqual(c.Maintenance[0], w) {
		t.Errorf("maintenance: got %+v", c.Maintenance)
	}
	if want := (template.Rules{{Service: "web", Path: "/docs/**", Endpoint: "/docs/{page}"}, {Service: "web", Path: "/api/*", Keep: true}}); !slices.Equal(c.Templates, want) {
		t.Errorf("templates: got %+v", c.Templates)
	}
	if c.Tokens != (config.Tokens{Ingest: "in", Read: "out"}) {
		t.Errorf("tokens: got %+v", c.Tokens)
	}
}

// TestKeysOfChecks has a value of each kind that a key can have.
func TestKeysOfChecks(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key.txt"), "of the models\n")
	path := filepath.Join(dir, "kymo.yaml")
	write(t, path, `
checks:
  - name: site
    type: http
    url: env:SITE
    headers: {Authorization: "env:HEADER", X-Plain: "2"}
    body: |
      line
    status: [200, 204]
    json: {data.status: ok, nodes.0.up: true, n: 3, list: [1.5, null]}
    insecure: true
    failures: 3
    tls: {server_name: site.example, min_version: 1.3}
  - name: ml
    type: kserve
    url: http://ml
    key: file:`+dir+`/key.txt
    models: [fraud, "2"]
    canary:
      model: fraud
      body: {inputs: [{name: x, shape: [1, 4]}]}
      shape: [-1, 4]
      budget: 50ms
  - {name: database, type: postgres, url: "postgres://db", max_connections: 80%, max_lag: 3s}
  - {name: disk, type: disk, path: /, min_free: 0.25, timeout: 1s, interval: 20s}
services:
  - {name: orders, health: "env:SITE", token: "env:HEADER", headers: {X-A: b}, tls: {min_version: "1.2"}, silence: 20s, down_after: 40s, critical: true}
`)
	got, err := Load(Source{Path: path, Vars: map[string]string{"SITE": "https://user:secret@site", "HEADER": "Bearer x"}}, makers)
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Check{{
		Name: "site", Rules: health.Rules{Failures: 3}, Spec: config.Spec{
			Type: "http", URL: "https://user:secret@site",
			Headers: map[string]string{"Authorization": "Bearer x", "X-Plain": "2"}, Body: "line", Status: []int{200, 204},
			JSON: map[string]any{"data.status": "ok", "nodes.0.up": true, "n": uint64(3), "list": []any{1.5, nil}}, Insecure: true,
			TLS: &config.TLS{ServerName: "site.example", MinVersion: "1.3"},
		},
	}, {
		Name: "ml", Spec: config.Spec{
			Type: "kserve", URL: "http://ml", Key: "of the models", Models: []string{"fraud", "2"},
			Canary: &config.Canary{
				Model:  "fraud",
				Body:   map[string]any{"inputs": []any{map[string]any{"name": "x", "shape": []any{uint64(1), uint64(4)}}}},
				Shape:  []int{-1, 4},
				Budget: 50 * time.Millisecond,
			},
		},
	}, {
		Name: "database", Spec: config.Spec{Type: "postgres", URL: "postgres://db", MaxConnections: 0.8, MaxLag: 3 * time.Second},
	}, {
		Name: "disk", Rules: health.Rules{Timeout: time.Second, Interval: 20 * time.Second},
		Spec: config.Spec{Type: "disk", Path: "/", MinFree: 0.25},
	}}
	if !reflect.DeepEqual(got.Checks, want) {
		t.Errorf("got  %+v\nwant %+v", got.Checks, want)
	}
	services := []config.Service{{
		Name: "orders", Poll: config.Poll{Health: "https://user:secret@site", Token: "Bearer x",
			Headers: map[string]string{"X-A": "b"}, TLS: &config.TLS{MinVersion: "1.2"}}, Silence: 20 * time.Second, DownAfter: 40 * time.Second, Rules: health.Rules{Critical: true},
	}}
	if !reflect.DeepEqual(got.Services, services) {
		t.Errorf("got  %+v\nwant %+v", got.Services, services)
	}
	for field, line := range map[string]int{"checks[0]": 3, "checks[0].url": 5, "checks[1].canary.shape[0]": 22, "services[0].name": 27} {
		if place := got.Places.Find(field); place != (config.Place{Path: path, Line: line}) {
			t.Errorf("%s is in %+v, want line %d", field, place, line)
		}
	}
}

// The files of TLS options are named by their paths, and are no secrets.
func TestPathsOfTLS(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kymo.yaml")
	write(t, path, `
checks: [{name: a, type: http, url: "https://a", tls: {ca: ca.pem, cert: "env:own.pem", key: own-key.pem}}]`)
	got, err := Load(Source{Path: path}, config.Makers{Probe: func(*config.Spec) (health.Probe, error) { return health.Func(nil), nil }})
	if err != nil {
		t.Fatal(err)
	}
	if want := (config.TLS{CA: "ca.pem", Cert: "env:own.pem", Key: "own-key.pem"}); *got.Checks[0].TLS != want {
		t.Errorf("got %+v, want %+v", *got.Checks[0].TLS, want)
	}
	if len(got.Warnings) != 0 {
		t.Errorf("warnings: %q", got.Warnings)
	}
}
