package stacks

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/kymotest"
)

// builds bounds how many programs are built and run at a time.
var builds = make(chan struct{}, 2)

// TestRoutersPage builds and runs the program of each router on the page, but for
// its port, and looks at what the request of the table's last column is recorded
// as. What else stands on the page in Go is built, and tests are run.
func TestRoutersPage(t *testing.T) {
	p := readPage(t)
	for _, r := range p.rows {
		s := p.section(r.name)
		switch {
		case s == nil || len(s.snippets) == 0:
			t.Errorf("%s has no section with a snippet", r.name)
			continue
		case !r.isIn(s.snippets[0]):
			t.Errorf("the snippet of %s does not have the line %s", r.name, r.line)
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			builds <- struct{}{}
			defer func() { <-builds }()
			p.verify(t, &r, s)
		})
	}
	for _, s := range p.sections {
		rest := s.snippets
		if slices.ContainsFunc(p.rows, func(r row) bool { return r.name == s.name }) {
			rest = rest[min(1, len(rest)):]
		}
		for i, snippet := range rest {
			t.Run(fmt.Sprint(s.name, " ", i), func(t *testing.T) {
				t.Parallel()
				builds <- struct{}{}
				defer func() { <-builds }()
				source, err := p.program(s.text, snippet)
				if err != nil {
					t.Fatal(err)
				}
				if isTest(snippet) {
					goTest(t, source)
				} else {
					build(t, source)
				}
			})
		}
	}
}

// goTest runs the tests in a file.
func goTest(t *testing.T, source string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main_test.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "test", "-v", file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("go test: %v\n%s\n%s", err, out, source)
	}
}

// port is where the page's programs listen.
const port = "127.0.0.1:8080"

// verify runs the program of a row and makes its request.
func (p *page) verify(t *testing.T, r *row, s *section) {
	address := serverstest.FreeAddress(t)
	source, err := p.program(s.text, strings.ReplaceAll(s.snippets[0], port, address))
	if err != nil {
		t.Fatal(err)
	}
	h := startHub(t)
	running := launch(t, build(t, source), address, h)

	want := kymotest.Request{Service: "docs", Endpoint: r.endpoint, Method: "POST", Status: 200, User: "alice"}
	switch r.name {
	case "gRPC":
		want.User = ""
		running.listens(t)
		askHealth(t, address)
	case "Connect":
		running.listens(t)
		ask(t, "POST", address, r.endpoint, `"hello"`)
	case "a job from a queue":
		want.User = ""
	default:
		want.Method = "GET"
		running.listens(t)
		ask(t, "GET", address, strings.ReplaceAll(r.endpoint, "{id}", "7"), "")
	}
	select {
	case <-h.kept:
	case <-time.After(patience):
		t.Fatalf("nothing was recorded: %q", running.output.all())
	}
	recorded := h.Requests()
	if len(recorded) != 1 {
		t.Fatalf("recorded: %+v", recorded)
	}
	got := kymotest.Request{Service: recorded[0].Service, Endpoint: recorded[0].Endpoint, Method: recorded[0].Method,
		Status: recorded[0].Status, User: recorded[0].User}
	if got != want {
		t.Errorf("recorded: %+v\nwant:     %+v", got, want)
	}
}

var responseTimeForm = regexp.MustCompile(`^\d+ms$`)

// ask makes a request, whose answer has to be "hello" in some form.
func ask(t *testing.T, method, address, path, body string) {
	t.Helper()
	ctx, cancel := contextOf(patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || strings.Trim(string(answer), "\"\n") != "hello" {
		t.Errorf("%s %s: %s, %q, %v", method, path, resp.Status, answer, err)
	}
	if v := resp.Header.Values(kymo.ResponseTimeHeader); len(v) != 1 || !responseTimeForm.MatchString(v[0]) {
		t.Errorf("%s: %q", kymo.ResponseTimeHeader, v)
	}
}

// askHealth makes a call of gRPC.
func askHealth(t *testing.T, address string) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := contextOf(patience)
	defer cancel()
	resp, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, new(grpc_health_v1.HealthCheckRequest))
	if err != nil || resp.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("Check: %v, %v", resp, err)
	}
}

var codesForm = regexp.MustCompile("(?m)^\\| (`[A-Z_`, ]+`) \\| (\\d{3}) \\|$")

// TestReadmeTable: the README's table has rows of the page's.
func TestReadmeTable(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	page := readPage(t).text
	rows := readmeRow.FindAllStringSubmatch(string(readme), -1)
	if len(rows) < 5 {
		t.Fatalf("the README's table has %d rows", len(rows))
	}
	for _, r := range rows {
		if row := "| [" + r[1] + "](" + r[2] + ") |" + r[3]; !strings.Contains(page, "\n"+row+"\n") {
			t.Errorf("docs/routers.md does not have the row %s", row)
		}
	}
}

var readmeRow = regexp.MustCompile(`(?m)^\| \[(.+?)\]\(docs/routers.md(#.+?)\) \|(.+)$`)

// TestRoutersPageCodes compares the page's table of codes with RPCStatus.
func TestRoutersPageCodes(t *testing.T) {
	listed := make(map[codes.Code]bool)
	for _, m := range codesForm.FindAllStringSubmatch(readPage(t).text, -1) {
		status, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		for name := range strings.SplitSeq(m[1], ", ") {
			var code codes.Code
			if err := code.UnmarshalJSON([]byte(strings.ReplaceAll(name, "`", `"`))); err != nil {
				t.Error(err)
				continue
			}
			listed[code] = true
			if got := kymo.RPCStatus(uint32(code)); got != status {
				t.Errorf("%s is %d, the page has %d", name, got, status)
			}
		}
	}
	if want := int(codes.Unauthenticated) + 1; len(listed) != want {
		t.Errorf("the page has %d of %d codes", len(listed), want)
	}
}

// TestRoutersPageProbes makes requests for the routes that the page lists.
func TestRoutersPageProbes(t *testing.T) {
	_, text, _ := strings.Cut(readPage(t).text, "requests for the routes ")
	text, _, _ = strings.Cut(text, ", and those")
	routes := regexp.MustCompile("`(/[^`]*)`").FindAllStringSubmatch(text, -1)
	m, sink := kymotest.New(t)
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc("GET "+r[1], func(http.ResponseWriter, *http.Request) {})
	}
	h := m.Middleware(mux)
	for _, r := range routes {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", r[1], nil))
	}
	if got := sink.Requests(); len(routes) != 9 || len(got) != 0 || m.Stats().Probes != uint64(len(routes)) {
		t.Errorf("of %d routes, %d count as probes; recorded: %+v", len(routes), m.Stats().Probes, got)
	}
}

// TestRoutersPageLog looks for the line that is logged of a chain without routes.
func TestRoutersPageLog(t *testing.T) {
	m, sink := kymotest.New(t)
	h := m.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/7", nil))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/8", nil))
	if got := sink.Requests(); len(got) != 2 || got[0].Endpoint != unmatched {
		t.Errorf("recorded: %+v", got)
	}
	message := regexp.MustCompile("logs one line[^`]*`(kymo: .+?)`").FindStringSubmatch(readPage(t).text)
	if message == nil || strings.Count(sink.Log(), message[1]) != 1 || !strings.Contains(sink.Log(), "remedy=") {
		t.Errorf("the page has %q, the log %s", message, sink.Log())
	}
}
