package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// Every route that takes a service answers 404 for an unknown one, on a hub with other
// services and on an empty one.
func TestUnknownServices(t *testing.T) {
	empty, a := newAPI(storetest.NewOracle(), nil), newAPI(storetest.NewOracle(), nil)
	fill(t, a)
	_, d := fetch(t, a)
	var tried []string
	for path, item := range d.Paths {
		if path == "/api/v1/health/history" { // checks outlast their services
			continue
		}
		if slices.ContainsFunc(item["get"].Parameters, func(p parameter) bool { return p.Name == "service" }) {
			tried = append(tried, path)
			for question, want := range map[string]string{
				"ap":      `there is no service \"ap\"; did you mean \"api\"?`,
				"billing": `there is no service \"billing\"; /api/v1/services lists them`,
			} {
				if w := ask(a, "GET "+path+"?service="+question, ""); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), want) {
					t.Errorf("%s?service=%s: %d %s", path, question, w.Code, w.Body)
				}
			}
			if w := ask(empty, "GET "+path+"?service=api", ""); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "the hub has received no requests yet") {
				t.Errorf("%s on an empty hub: %d %s", path, w.Code, w.Body)
			}
			if w := ask(a, "GET "+path+"?service=api", ""); w.Code != http.StatusOK {
				t.Errorf("%s?service=api: %d %s", path, w.Code, w.Body)
			}
		}
	}
	if len(tried) < 7 {
		t.Errorf("only %v take a service", tried)
	}
}

// A service is known by its requests that another hub stored, and by its health alone.
func TestServicesKnownOtherwise(t *testing.T) {
	st := storetest.NewOracle()
	other := newAPI(st, nil)
	a := newAPI(st, func(c *Config) {
		c.Health = func() health.Report { return health.Report{Checks: []health.CheckReport{{Name: "polled"}}} }
	})
	if w := ask(other, "POST /api/v1/batches", string(encoded("elsewhere", 1, 1)), "Content-Type", wire.ContentType); w.Code != http.StatusAccepted {
		t.Fatal(w.Body)
	}
	for _, name := range []string{"elsewhere", "polled"} {
		if w := ask(a, "GET /metrics/performance?service="+name, ""); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := ask(newAPI(failing{err: errors.New("broken")}, nil), "GET /metrics/performance?service=unsure", ""); w.Code != http.StatusInternalServerError {
		t.Errorf("of a store that fails: %d %s", w.Code, w.Body)
	}
}
