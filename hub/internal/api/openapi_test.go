package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/goldentest"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/hub/internal/web"
	"github.com/kymohq/kymo/internal/wire"
)

// routes are all routes.
var routes = []string{
	"get /", "get /docs", "get /health", "get /health/live", "get /health/ready", "get /health/started", "get /api/v1/health/history", "get /metrics", "get /metrics/endpoints", "get /metrics/performance",
	"get /openapi.json", "post /api/v1/batches", "post /api/v1/requests", "post /api/v1/heartbeat",
	"get /api/v1/timeseries", "get /api/v1/heatmap", "get /api/v1/requests", "get /api/v1/requests/export", "get /api/v1/users", "get /api/v1/cardinality", "get /api/v1/services",
	"get /api/v1/retention", "post /api/v1/retention", "post /api/v1/snapshot",
	"get /api/v1/checks", "post /api/v1/checks", "delete /api/v1/checks/{name}", "post /api/v1/checks/{name}/run",
	"get /api/v1/session", "post /api/v1/session", "delete /api/v1/session",
}

type parameter struct {
	Name, In, Description string
	Schema                map[string]any
	Example               any
	Required              bool
}

// document is /openapi.json, as a client reads it.
type document struct {
	OpenAPI string
	Info    struct{ Title, Version, Description string }
	Paths   map[string]map[string]struct {
		OperationID, Summary, Description string
		Tags                              []string
		Parameters                        []parameter
		RequestBody                       *struct {
			Content map[string]struct {
				Schema   map[string]any
				Example  any
				Examples map[string]struct{ Value any }
			}
		}
		Responses map[string]struct {
			Description string
			Content     map[string]struct{ Schema map[string]any }
		}
		Security []map[string][]string
	}
	Components struct {
		Schemas         map[string]map[string]any
		SecuritySchemes map[string]any
	}
}

func fetch(t *testing.T, a *API) (raw []byte, d document) {
	t.Helper()
	w := ask(a, "GET /openapi.json", "")
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return w.Body.Bytes(), d
}

func TestEveryRouteIsDocumented(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	raw, d := fetch(t, a)
	if !strings.HasPrefix(d.OpenAPI, "3.1") || d.Info.Title != "Kymo" || d.Info.Version != "1.2.3" {
		t.Errorf("got %s %+v", d.OpenAPI, d.Info)
	}
	for _, word := range []string{"endpoint", "duration", "error", "client error", "percentiles", "slow", "window"} {
		if !strings.Contains(d.Info.Description, "**"+word+"**") {
			t.Errorf("the meaning of %s is not said", word)
		}
	}
	ids := make(map[string]bool)
	n := 0
	for path, methods := range d.Paths {
		for method, op := range methods {
			n++
			name := method + " " + path
			if !strings.Contains(strings.Join(routes, "\n"), name) {
				t.Errorf("%s is not a route that this test knows", name)
			}
			if op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || ids[op.OperationID] {
				t.Errorf("%s: %+v", name, op)
			}
			ids[op.OperationID] = true
			for _, p := range op.Parameters {
				if p.Description == "" || p.Example == nil || p.Schema["type"] == nil {
					t.Errorf("%s: parameter %+v", name, p)
				}
			}
			for status, r := range op.Responses {
				if r.Description == "" || (len(r.Content) == 0) != (status == "204" || status == "304") {
					t.Errorf("%s: response %s: %+v", name, status, r)
				}
				for media, c := range r.Content {
					asProblem := status >= "4" && !strings.HasPrefix(path, "/health") // whose answer is the report itself
					if c.Schema == nil || asProblem != (media == "application/problem+json") {
						t.Errorf("%s: response %s: %s", name, status, media)
					}
				}
			}
			if w := ask(a, strings.ToUpper(method)+" "+path, ""); w.Code == http.StatusNotFound || w.Code == http.StatusMethodNotAllowed {
				t.Errorf("%s answers %d", name, w.Code)
			}
		}
	}
	if n != len(routes) {
		t.Errorf("%d routes are documented; want %d", n, len(routes))
	}
	for _, m := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllSubmatch(raw, -1) {
		if d.Components.Schemas[string(m[1])] == nil {
			t.Errorf("schema %s is not there", m[1])
		}
	}
	for name, s := range d.Components.Schemas {
		for field, p := range s["properties"].(map[string]any) {
			p := p.(map[string]any)
			if p["description"] == nil && p["$ref"] == nil {
				t.Errorf("schema %s: %s has no description", name, field)
			}
		}
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	goldentest.Compare(t, "testdata/openapi.json", pretty.String()+"\n")
}

// What the document shows as an example is accepted.
func TestExamplesWork(t *testing.T) {
	a := newAPI(storetest.NewOracle(), func(c *Config) {})
	_, d := fetch(t, a)
	for media, c := range d.Paths["/api/v1/requests"]["post"].RequestBody.Content {
		examples := []any{c.Example}
		for _, e := range c.Examples {
			examples = append(examples, e.Value)
		}
		examples = slices.DeleteFunc(examples, func(e any) bool { return e == nil })
		if len(examples) == 0 {
			t.Errorf("the bodies of %s have no example", media)
		}
		for _, e := range examples {
			body, isText := e.(string)
			if !isText {
				b, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				body = string(b)
			}
			if w := ask(a, "POST /api/v1/requests", body, "Content-Type", media); w.Code != http.StatusAccepted {
				t.Errorf("%s: %d %s", body, w.Code, w.Body)
			}
		}
	}
	for path, methods := range d.Paths {
		parameters := methods["get"].Parameters
		if slices.ContainsFunc(parameters, func(p parameter) bool { return p.Required }) {
			continue // its examples are of what this hub does not have
		}
		for _, p := range parameters {
			if p.In != "query" || p.Name == "to" || p.Name == "cursor" { // which need others
				continue
			}
			if p.Example == nil {
				t.Errorf("%s: the parameter %s has no example", path, p.Name)
				continue
			}
			query := fmt.Sprintf("?%s=%v", p.Name, p.Example)
			if w := ask(a, "GET "+path+query, ""); w.Code != http.StatusOK {
				t.Errorf("%s%s: %d %s", path, query, w.Code, w.Body)
			}
		}
	}
}

// The document's schema and the readers agree about which bodies are valid.
func TestBodiesFollowTheirSchemas(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	registry := a.huma.OpenAPI().Components.Schemas
	for name, accepted := range map[string]bool{
		metric: true,
		`{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":200,"user_id":null,"timestamp":null,"service":null}`: true,
		`{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":99}`:                                                 false,
		`{"endpoint":"/a","method":"GET","response_time_ms":-1,"status_code":200}`:                                               false,
		`{"endpoint":"","method":"GET","response_time_ms":1,"status_code":200}`:                                                  false,
		`{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":200,"x":1}`:                                          true,
		`{"endpoint":"/a","method":"GET","response_time_ms":1}`:                                                                  false,
	} {
		var v any
		if err := json.Unmarshal([]byte(name), &v); err != nil {
			t.Fatal(err)
		}
		res := &huma.ValidateResult{}
		huma.Validate(registry, registry.Map()["PerformanceMetric"], huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, v, res)
		w := ask(a, "POST /api/v1/requests", name)
		if (w.Code == http.StatusAccepted) != accepted || (len(res.Errors) == 0) != accepted {
			t.Errorf("%s: reader %d, schema %v", name, w.Code, res.Errors)
		}
	}
	for _, o := range report.Orders {
		if w := ask(a, "GET /metrics/endpoints?sort="+string(o), ""); w.Code != http.StatusOK {
			t.Errorf("sort=%s is not documented", o)
		}
	}
}

func TestTokensInTheDocument(t *testing.T) {
	_, open := fetch(t, newAPI(storetest.NewOracle(), nil))
	_, closed := fetch(t, newAPI(storetest.NewOracle(), func(c *Config) { c.Tokens = Tokens{Ingest: "in", Read: "out", Admin: "change"} }))
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		is, was := closed.Paths[path][method].Security, open.Paths[path][method].Security
		if len(was) > 0 && len(was) != 1+len(is) || len(was) > 0 && len(was[0]) != 0 {
			t.Errorf("%s: %v without tokens, %v with", route, was, is)
		}
	}
	if len(closed.Paths["/metrics"]["get"].Security) != 2 || len(closed.Paths["/health/live"]["get"].Security) != 0 {
		t.Error("the wrong routes need a token")
	}
}

func TestPages(t *testing.T) {
	a := newAPI(storetest.NewOracle(), func(c *Config) {
		c.Version, c.Dashboard = `<b>"1"`, web.New(fstest.MapFS{})
	})
	for _, path := range []string{"/", "/docs"} {
		w := ask(a, "GET "+path, "")
		page := w.Body.String()
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %s", path, w.Code, w.Header())
		}
		policy := w.Header().Get("Content-Security-Policy")
		css := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
		sum := sha256.Sum256([]byte(css[1]))
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, base64.StdEncoding.EncodeToString(sum[:])) {
			t.Errorf("%s: policy %s does not allow its own style", path, policy)
		}
		for _, bad := range []string{"<script", "http://", "https://", "src=", "<link", "@import", `style="`, "<b>"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s has %q", path, bad)
			}
		}
		for _, m := range regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if strings.HasPrefix(m[1], "#") {
				if !strings.Contains(page, `id="`+m[1][1:]+`"`) {
					t.Errorf("%s: nothing is at %s", path, m[1])
				}
			} else if w := ask(a, "GET "+strings.ReplaceAll(m[1], "&amp;", "&"), ""); w.Code != http.StatusOK {
				t.Errorf("%s: %s answers %d", path, m[1], w.Code)
			}
		}
	}
	page := ask(a, "GET /docs", "").Body.String()
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		if !strings.Contains(page, "<code>"+strings.ToUpper(method)+" "+path+"</code></h3>") {
			t.Errorf("%s is not on the page", route)
		}
	}
	if !strings.Contains(ask(a, "GET /", "").Body.String(), "make ui") {
		t.Error("the first page does not explain how to build the dashboard")
	}
	for _, path := range []string{"/?utm_source=chat", "/docs?a=%zz"} {
		if w := ask(a, "GET "+path, ""); w.Code != http.StatusOK {
			t.Errorf("%s answers %d", path, w.Code)
		}
	}
	goldentest.Compare(t, "testdata/docs.html", ask(newAPI(storetest.NewOracle(), nil), "GET /docs", "").Body.String())
}

func TestDashboard(t *testing.T) {
	a := newAPI(storetest.NewOracle(), func(c *Config) {
		c.Tokens = Tokens{Ingest: "in", Read: "out"}
		c.Dashboard = web.New(fstest.MapFS{"index.html": {Data: []byte("the page")}, "assets/a.js": {Data: []byte("go()")}})
	})
	for path, want := range map[string]string{"/": "the page", "/assets/a.js": "go()"} {
		if w := ask(a, "GET "+path, ""); w.Code != http.StatusOK || w.Body.String() != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := ask(a, "GET /assets/b.js", ""); w.Code != http.StatusNotFound {
		t.Errorf("what is not there answers %d", w.Code)
	}
}

func TestTypes(t *testing.T) {
	low := 1.0
	for want, s := range map[string]*huma.Schema{
		"":                               nil,
		"Endpoint":                       {Ref: "#/components/schemas/Endpoint"},
		"array of string":                {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}},
		"string (date-time) or null":     {Type: huma.TypeString, Format: "date-time", Nullable: true},
		"integer from 1":                 {Type: huma.TypeInteger, Minimum: &low},
		"string one of a b":              {Type: huma.TypeString, Enum: []any{"a", "b"}},
		"string or integer by default 3": {OneOf: []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeInteger}}, Default: 3},
	} {
		if got := typeOf(s); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
	if got := pretty(make(chan int)); !strings.HasPrefix(got, "0x") {
		t.Errorf("what is not JSON is %s", got)
	}
}

func TestLiveness(t *testing.T) {
	w := ask(newAPI(failing{}, func(c *Config) { c.Tokens.Read = "out" }), "GET /health/live", "")
	if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `{"status":"healthy"}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestExposition(t *testing.T) {
	a := newAPI(storetest.NewOracle(), func(c *Config) { c.Version = "1\\\"\n2" })
	data := string(encoded("web", 1, 10))
	for range 3 {
		ask(a, "POST /api/v1/batches", data, "Content-Type", wire.ContentType)
	}
	ask(a, "POST /api/v1/batches", "x", "Content-Type", wire.ContentType)
	w := ask(a, "GET /metrics", "")
	if w.Header().Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("content type %s", w.Header())
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) kymo_[a-z_]+ .+|kymo_[a-z_]+(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\})? [0-9]+)$`)
	for l := range strings.SplitSeq(strings.TrimSuffix(w.Body.String(), "\n"), "\n") {
		if !line.MatchString(l) {
			t.Errorf("not the text format: %s", l)
		}
	}
	for _, want := range []string{
		"\nkymo_ingest_requests_total 10\n", "\nkymo_ingest_batches_total 1\n", "\nkymo_ingest_duplicate_batches_total 2\n",
		"\nkymo_ingest_refused_total 1\n", "\nkymo_heartbeats_total 0\n", "\nkymo_ingest_lost_requests_total{reason=\"too_old\"} 0\n", fmt.Sprintf("\nkymo_ingest_bytes_total %d\n", 3*len(data)+1), `kymo_build_info{version="1\\\"\n2",goversion="go`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %q in\n%s", want, w.Body)
		}
	}
}
