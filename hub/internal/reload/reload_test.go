package reload

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/core"
	"github.com/kymohq/kymo/hub/internal/probe"
	"github.com/kymohq/kymo/hub/internal/store/engines"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

var quiet = slog.New(slog.DiscardHandler)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reloading returns a reloader whose hub has the configuration of the source. The hub
// is closed with the test.
func reloading(t *testing.T, source settings.Source, log *slog.Logger) *Reloader {
	t.Helper()
	makers := config.Makers{Probe: probe.New, Service: probe.Service, Store: engines.Check}
	conf, err := settings.Load(source, makers)
	if err != nil {
		t.Fatal(err)
	}
	h, err := core.New(storetest.NewOracle(), conf, core.Options{Makers: makers, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(context.Background()) })
	return &Reloader{Source: source, Makers: makers, Initial: conf, Hub: h, Level: new(slog.LevelVar), Logger: log}
}

// The tokens of a hub that other machines reach cannot be taken away by naming
// another address, which needs a restart.
func TestReloadKeepsAnOpenHubProtected(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kymo.yaml")
	store := "store: " + filepath.Join(dir, "data") + "\n"
	write(t, path, store+"listen: 0.0.0.0:0\ntokens: {ingest: a, read: b}\n")
	var log strings.Builder
	r := reloading(t, settings.Source{Path: path}, slog.New(slog.NewTextHandler(&log, nil)))
	asked := func() int {
		w := httptest.NewRecorder()
		r.Hub.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/metrics/performance", nil))
		return w.Code
	}
	write(t, path, store+"listen: 127.0.0.1:0\n")
	r.Reload()
	if asked() != http.StatusUnauthorized || !strings.Contains(log.String(), "rejected") || !strings.Contains(log.String(), "other machines can reach 0.0.0.0:0") {
		t.Errorf("%d: %s", asked(), log.String())
	}
	log.Reset()
	write(t, path, store+"listen: 127.0.0.1:0\ntokens: {ingest: a, read: c}\nlog_level: warn\n")
	r.Reload()
	if asked() != http.StatusUnauthorized || !strings.Contains(log.String(), `changed=listen`) || r.Level.Level() != slog.LevelWarn {
		t.Errorf("%d: %s", asked(), log.String())
	}
}

// Names that are listed are answered from the next reload on.
func TestReloadOfHosts(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kymo.yaml")
	store := "store: " + filepath.Join(dir, "data") + "\n"
	write(t, path, store)
	r := reloading(t, settings.Source{Path: path}, quiet)
	asked := func() int {
		w := httptest.NewRecorder()
		r.Hub.ServeHTTP(w, httptest.NewRequest("GET", "http://kymo.example.com/health", nil))
		return w.Code
	}
	for _, step := range []struct {
		hosts  string
		status int
	}{
		{"", http.StatusMisdirectedRequest},
		{"hosts: [kymo.example.com]\n", http.StatusOK},
		{"hosts: [other.example.com]\n", http.StatusMisdirectedRequest},
		{"tokens: {ingest: a, read: b}\n", http.StatusOK},
	} {
		write(t, path, store+step.hosts)
		r.Reload()
		if got := asked(); got != step.status {
			t.Errorf("with %q: %d", step.hosts, got)
		}
	}
}

// A file that is emptied is refused; one that is right is taken, whatever it holds.
func TestReloadOfAnEmptiedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kymo.yaml")
	write(t, path, "# nothing yet\n")
	source := settings.Source{Path: path, Flags: map[string]string{"store": filepath.Join(dir, "data")}}
	var log strings.Builder
	r := reloading(t, source, slog.New(slog.NewTextHandler(&log, nil)))
	for _, step := range []struct{ content, want string }{
		{"# nothing yet\n", "configuration reloaded"},
		{"store: ./x\n", "configuration reloaded"}, // the flag wins
		{"", "kymo.yaml:1: contains no settings"},
		{"checks: []\n", "configuration reloaded"},
		{"slow: {routes: []}\n", "configuration reloaded"},
		{"# emptied\n", "kymo.yaml:1: contains no settings"},
	} {
		log.Reset()
		write(t, path, step.content)
		if r.Reload(); !strings.Contains(log.String(), step.want) {
			t.Errorf("%q: %s", step.content, log.String())
		}
	}
}
