package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/api"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/serverstest"
)

// parseCheck reads a check of a name and a file that must be there; the real one is in
// package settings.
func parseCheck(content []byte) (*config.Check, error) {
	var in struct {
		Name, Path string
		Wrong      string
		On         []string
	}
	if err := json.Unmarshal(content, &in); err != nil {
		return nil, config.Errors{config.Errorf("", "not JSON")}
	}
	if in.Wrong != "" {
		return nil, config.Errors{config.Errorf("wrong", "is %s", in.Wrong)}
	}
	runs := func(context.Context) error {
		_, err := os.Stat(in.Path)
		return err
	}
	return &config.Check{
		Name: in.Name, Probe: health.Func(runs), Rules: health.Rules{Interval: time.Hour, Failures: 1, Successes: 1, DependsOn: in.On}, Spec: config.Spec{URL: "tcp://user:secret@host:1/" + in.Path},
	}, nil
}

// taking returns a hub to which checks can be added.
func taking(t *testing.T, st store.Store, s setup) *Hub {
	t.Helper()
	h, err := New(st, s.config(t), s.taking())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeHub(t, h) })
	return h
}

func (s setup) taking() Options {
	o := s.options()
	o.ParseCheck, o.Now = parseCheck, time.Now
	return o
}

// administer sends a request from the hub's own machine.
func administer(h http.Handler, method, path, body string) (status int, answer string) {
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:1"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// origins returns the checks that a hub lists, each with its origin and, if it does not
// run, an exclamation mark.
func origins(t *testing.T, h *Hub) string {
	t.Helper()
	_, body := administer(h, "GET", "/api/v1/checks", "")
	var all []api.Check
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if strings.Contains(body, "secret") {
		t.Errorf("it shows a secret: %s", body)
	}
	var texts []string
	for _, c := range all {
		text := c.Name + ":" + c.Origin
		if c.Problem != "" {
			text += "!"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

func wantAnswer(t *testing.T, h http.Handler, method, path, body string, status int, says string) {
	t.Helper()
	if got, answer := administer(h, method, path, body); got != status || !strings.Contains(answer, says) {
		t.Errorf("%s %s %s: %d %s, want %d with %q", method, path, body, got, answer, status, says)
	}
}

func TestAddedChecks(t *testing.T) {
	location := t.TempDir()
	inFile := setup{checks: []config.Check{check("file", disk, time.Hour)}, services: []config.Service{{Name: "orders"}}}
	h := taking(t, openStore(t, location), inFile)
	const path = "/api/v1/checks"
	add := func(name string) string { return fmt.Sprintf(`{ "name": %q, "path": "/" }`, name) }

	wantAnswer(t, h, "POST", path, add("one"), 201, `"origin":"api","type":"func","target":"tcp://host:1","interval_ms":3600000,"timeout_ms":2000,"status":"degraded","state":"unknown"`)
	within(t, "it runs", func() bool { c, _ := state(h, "one"); return c.Status == health.Healthy })
	wantAnswer(t, h, "POST", path, add("two"), 201, "two")
	for name, says := range map[string]string{
		"one": "was added over the API", "file": "of the configuration file", "orders": "of the configuration file",
		"store": "of the hub itself", "clock": "of the hub itself",
	} {
		wantAnswer(t, h, "POST", path, add(name), 409, says)
	}
	wantAnswer(t, h, "POST", path, `{"wrong": "so"}`, 422, `"location":"body.wrong"`)
	wantAnswer(t, h, "POST", path, `{"name": "three", "path": "/", "on": ["one", "absent"]}`, 422, `there is no check or service \"absent\"","location":"body.depends_on[1]"`)
	wantAnswer(t, h, "POST", path, `{"name": "three", "path": "/", "on": ["one", "file", "orders"]}`, 201, "three")
	wantAnswer(t, h, "POST", path, `{"name": "four", "path": "/", "on": ["three"]}`, 201, "four")
	wantAnswer(t, h, "DELETE", path+"/three", "", 409, "it is in depends_on of four; remove what depends on it first")
	wantAnswer(t, h, "DELETE", path+"/four", "", 204, "")
	wantAnswer(t, h, "DELETE", path+"/three", "", 204, "")
	wantAnswer(t, h, "DELETE", path+"/file", "", 409, "change the file")
	wantAnswer(t, h, "DELETE", path+"/store", "", 409, "of the hub itself")
	wantAnswer(t, h, "DELETE", path+"/absent", "", 404, "no such check")
	if got, want := origins(t, h), "file:file one:api orders:file store:built-in two:api"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	wantAnswer(t, h, "DELETE", path+"/two", "", 204, "")
	wantAnswer(t, h, "DELETE", path+"/two", "", 404, "no such check")

	// A reload keeps it, and a restart.
	if err := h.Apply(setup{checks: []config.Check{check("other", disk, time.Hour)}}.config(t)); err != nil {
		t.Fatal(err)
	}
	if got, want := origins(t, h), "one:api other:file store:built-in"; got != want {
		t.Errorf("reloaded: %s, want %s", got, want)
	}
	// A check that depends on a name of the file does so when the API gives it to another.
	wantAnswer(t, h, "POST", path, `{"name": "child", "path": "/", "on": ["other"]}`, 201, "child")
	wantAnswer(t, h, "POST", path, `{"name": "grandchild", "path": "/", "on": ["child"]}`, 201, "grandchild")
	if err := h.Apply(setup{}.config(t)); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, h, "POST", path, `{"name": "other", "path": "/", "on": ["one", "grandchild"]}`, 422, `is a circle: other depends on grandchild depends on child depends on other; remove one of them`)
	wantAnswer(t, h, "DELETE", path+"/grandchild", "", 204, "")
	wantAnswer(t, h, "DELETE", path+"/child", "", 204, "")
	closeHub(t, h)
	h = taking(t, openStore(t, location), inFile)
	if got, want := origins(t, h), "file:file one:api orders:file store:built-in"; got != want {
		t.Errorf("restarted: %s, want %s", got, want)
	}
	closeHub(t, h)

	// A hub that cannot read checks leaves them alone.
	h = open(t, openStore(t, location), inFile)
	wantAnswer(t, h, "POST", path, add("three"), 501, "embedded")
	wantAnswer(t, h, "DELETE", path+"/one", "", 404, "no such check")
	closeHub(t, h)
	h = taking(t, openStore(t, location), setup{})
	if got, want := origins(t, h), "one:api store:built-in"; got != want {
		t.Errorf("after all: %s, want %s", got, want)
	}
}

// The file wins over a check that was added, and the hub says so until one of them is gone.
func TestTheFileTakesAnAddedName(t *testing.T) {
	location := t.TempDir()
	h := taking(t, openStore(t, location), setup{})
	wantAnswer(t, h, "POST", "/api/v1/checks", `{"name": "database", "path": "/absent"}`, 201, "")
	within(t, "it runs", func() bool { c, _ := state(h, "database"); return c.Status == health.Down })
	same := setup{checks: []config.Check{check("database", disk, 100*time.Millisecond)}}
	apply(t, h, same)
	troubled := func(h *Hub, when string) {
		t.Helper()
		if got, want := origins(t, h), "config:built-in database:file database:api! store:built-in"; got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
		within(t, "the file's runs", func() bool { c, _ := state(h, "database"); return c.Status == health.Healthy })
		within(t, "the hub says so", func() bool {
			c, _ := state(h, config.ConfigCheck)
			return c.Status == health.Degraded && strings.Contains(c.Reason, `the check "database" of the API is not run: the configuration file has`)
		})
	}
	troubled(h, "applied")
	// What is graver is shown instead, and then this again.
	h.Refuse(errors.New("not YAML"))
	within(t, "a wrong file", func() bool {
		c, _ := state(h, config.ConfigCheck)
		return strings.Contains(c.Reason, "not YAML")
	})
	apply(t, h, same)
	troubled(h, "applied again")
	closeHub(t, h)
	h = taking(t, openStore(t, location), same)
	troubled(h, "restarted")
	wantAnswer(t, h, "POST", "/api/v1/checks", `{"name": "database", "path": "/"}`, 409, "of the configuration file")
	// What depends on the name has that of the file.
	wantAnswer(t, h, "POST", "/api/v1/checks", `{"name": "child", "path": "/", "on": ["database"]}`, 201, "")
	wantAnswer(t, h, "DELETE", "/api/v1/checks/database", "", 204, "")
	wantAnswer(t, h, "DELETE", "/api/v1/checks/child", "", 204, "")
	if got, want := origins(t, h), "database:file store:built-in"; got != want {
		t.Errorf("removed: %s, want %s", got, want)
	}
	if c, there := state(h, "database"); !there || c.Status != health.Healthy {
		t.Errorf("the file's is %+v", c)
	}
}

// A document that this version cannot read is kept and shown, and costs no other check.
func TestAnAddedCheckThatCannotBeRead(t *testing.T) {
	location := t.TempDir()
	st := openStore(t, location)
	for name, text := range map[string]string{"later": `{"wrong": "of a later version"}`, "renamed": `{"name": "x"}`, "fine": `{"name": "fine", "path": "/"}`} {
		if err := st.(store.Documenter).PutDocument(t.Context(), &store.Document{Kind: checkDocument, Name: name, JSON: []byte(text), Created: noon, Updated: noon}); err != nil {
			t.Fatal(err)
		}
	}
	h := taking(t, st, setup{})
	if got, want := origins(t, h), "config:built-in fine:api later:api! renamed:api! store:built-in"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	wantAnswer(t, h, "GET", "/api/v1/checks", "", 200, "is not run: wrong: is of a later version")
	wantAnswer(t, h, "POST", "/api/v1/checks", `{"name": "later", "path": "/"}`, 409, "added over the API")
	wantAnswer(t, h, "DELETE", "/api/v1/checks/later", "", 204, "")
	wantAnswer(t, h, "DELETE", "/api/v1/checks/renamed", "", 204, "")
	if got, want := origins(t, h), "fine:api store:built-in"; got != want {
		t.Errorf("removed: %s, want %s", got, want)
	}
}

// failing is a store whose documents cannot be written.
type failing struct {
	store.Store
	store.Documenter
	err atomic.Pointer[error]
}

func (f *failing) AddDocument(ctx context.Context, d *store.Document) (bool, error) {
	if err := f.err.Load(); err != nil {
		return false, *err
	}
	return f.Documenter.AddDocument(ctx, d)
}

// A check that cannot be kept is not run, and can be sent again.
func TestAddedCheckOnAFailingStore(t *testing.T) {
	st := openStore(t, t.TempDir())
	f := &failing{Store: st, Documenter: st.(store.Documenter)}
	h := taking(t, f, setup{})
	full := fmt.Errorf("put: %w", store.ErrFull)
	f.err.Store(&full)
	const body = `{"name": "one", "path": "/"}`
	wantAnswer(t, h, "POST", "/api/v1/checks", body, 503, "the store is full")
	if got := names(h); got != "" {
		t.Errorf("it runs: %s", got)
	}
	f.err.Store(nil)
	wantAnswer(t, h, "POST", "/api/v1/checks", body, 201, "one")
}

// Hubs on one server have the same added checks.
func TestTwoHubsHaveAddedChecks(t *testing.T) {
	location := serverstest.Postgres(t).URL("postgres", serverstest.PostgresPassword, "postgres")
	rereads := make(chan time.Time)
	one := taking(t, openStore(t, location), setup{})
	o := setup{}.taking()
	o.rereads = rereads
	other, err := New(openStore(t, location), setup{}.config(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeHub(t, other) })
	wantAnswer(t, one, "POST", "/api/v1/checks", `{"name": "a", "path": "/"}`, 201, "")
	if got := origins(t, other); got != "store:built-in" {
		t.Errorf("at once: %s", got)
	}
	// It knows before it reads again that the name is taken.
	wantAnswer(t, other, "POST", "/api/v1/checks", `{"name": "a", "path": "/"}`, 409, "added over the API")
	wantAnswer(t, other, "POST", "/api/v1/checks", `{"name": "b", "path": "/"}`, 201, "")
	wantAnswer(t, one, "DELETE", "/api/v1/checks/b", "", 204, "")
	// At the same moment, one of them takes a name.
	for i := range 20 {
		var codes [2]int
		var adding sync.WaitGroup
		for j, h := range []*Hub{one, other} {
			adding.Go(func() {
				codes[j], _ = administer(h, "POST", "/api/v1/checks", fmt.Sprintf(`{"name": "both %d", "path": "/%d"}`, i, j))
			})
		}
		adding.Wait()
		if slices.Sort(codes[:]); codes != [2]int{201, 409} {
			t.Fatalf("two hubs answered %v, want one 201 and one 409", codes)
		}
		wantAnswer(t, one, "DELETE", "/api/v1/checks/both%20"+fmt.Sprint(i), "", 204, "")
	}
	rereads <- time.Time{}
	within(t, "both have the same", func() bool {
		return origins(t, one) == "a:api store:built-in" && origins(t, other) == origins(t, one)
	})
	within(t, "both run it", func() bool {
		c, _ := state(one, "a")
		d, _ := state(other, "a")
		return c.Status == health.Healthy && d.Status == health.Healthy
	})
}

// A run on demand is answered, shown at once, and in the history.
func TestRunNow(t *testing.T) {
	var db target
	db.set(health.Healthy)
	h := open(t, openStore(t, t.TempDir()), setup{now: time.Now, checks: []config.Check{db.check("database", health.Rules{Interval: time.Hour, Failures: 1, Successes: 1})}})
	within(t, "the first run", func() bool { c, _ := state(h, "database"); return c.Status == health.Healthy })
	db.set(health.Down)
	wantAnswer(t, h, "POST", "/api/v1/checks/database/run", "", 200, `"result":"down","status":"down","state":"down"`)
	if c, _ := state(h, "database"); c.Status != health.Down || c.Runs != 2 {
		t.Errorf("it is %+v", c)
	}
	wantAnswer(t, h, "POST", "/api/v1/checks/database/run", "", 429, "again in a second")
	wantAnswer(t, h, "POST", "/api/v1/checks/absent/run", "", 404, "no such check")
	within(t, "it is in the history", func() bool {
		past := historyOf(t, h, "database")
		return past.Status == "down" && past.Checks == 2 && past.Failures == 1
	})
}

// A circle that two hubs have made can be broken.
func TestACircleOfAddedChecks(t *testing.T) {
	st := openStore(t, t.TempDir())
	for name, on := range map[string]string{"a": "b", "b": "c", "c": "a"} {
		document := store.Document{Kind: checkDocument, Name: name, JSON: fmt.Appendf(nil, `{"name": %q, "path": "/", "on": [%q]}`, name, on), Created: noon, Updated: noon}
		if err := st.(store.Documenter).PutDocument(t.Context(), &document); err != nil {
			t.Fatal(err)
		}
	}
	h := taking(t, st, setup{})
	wantAnswer(t, h, "DELETE", "/api/v1/checks/b", "", 204, "")
	wantAnswer(t, h, "DELETE", "/api/v1/checks/c", "", 204, "")
	wantAnswer(t, h, "DELETE", "/api/v1/checks/a", "", 204, "")
}
