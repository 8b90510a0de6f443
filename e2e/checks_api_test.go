package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// checkListed is a check as GET /api/v1/checks has it.
type checkListed struct {
	Name, Origin, Type, Target, State, Problem string
}

// origins returns the checks of the hub, each with its origin.
func (h *hub) origins() string {
	h.t.Helper()
	var all []checkListed
	h.get("/api/v1/checks", &all)
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

// send sends a request without a body, or with one of JSON, and returns the status and the
// body of the answer, which must not show the password.
func (h *hub) send(method, path, body string) string {
	h.t.Helper()
	req, err := http.NewRequest(method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	answer := fmt.Sprintf("%d %s", resp.StatusCode, text)
	if strings.Contains(answer, "hunter2") {
		h.t.Errorf("%s %s shows the password: %s", method, path, answer)
	}
	return answer
}

// A check that is added over the API survives a hub that is killed right after it said so,
// gives way to the file, and is removed for good.
func TestChecksOverTheAPI(t *testing.T) {
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	file := configuration(t, "checks: [{name: root, type: disk, path: /, min_free: 0.000001, interval: 1h}]")
	h := startHub(t, t.TempDir(), "--config", file)
	check := fmt.Sprintf(`{"name": "port", "type": "tcp", "url": "tcp://%s", "interval": "1h", "failures": 1, "successes": 1}`, port.Addr())
	if got := h.send("POST", "/api/v1/checks", check); !strings.HasPrefix(got, "201 ") {
		t.Fatal(got)
	}
	h.kill()
	h.start()
	if got, want := h.origins(), "port:api root:file store:built-in"; got != want {
		t.Fatalf("after it was killed: %s, want %s", got, want)
	}
	h.becomes("port", "healthy", changeWithin)
	port.Close()
	if got := h.send("POST", "/api/v1/checks/port/run", ""); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `"result":"down","status":"down"`) || !strings.Contains(got, "connection refused") {
		t.Errorf("run now: %s", got)
	}
	if got := h.send("POST", "/api/v1/checks/port/run", ""); !strings.HasPrefix(got, "429 ") {
		t.Errorf("run again: %s", got)
	}
	for body, want := range map[string]string{
		check: "409", strings.Replace(check, "port", "root", 1): "409",
		`{"name": "db", "type": "postgres", "url": "postgres://app:hunter2@/db?host=/run/postgresql"}`:  "422",
		`{"name": "db", "type": "http", "url": "env:HOME"}`:                                             "422",
		`{"name": "db", "type": "mysql", "url": "mysql://app:hunter2@127.0.0.1/db", "intervall": "1s"}`: "422",
	} {
		if got := h.send("POST", "/api/v1/checks", body); !strings.HasPrefix(got, want+" ") {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	secret := `{"name": "db", "type": "mysql", "url": "mysql://app:hunter2@127.0.0.1:1/db", "interval": "100ms"}`
	if got := h.send("POST", "/api/v1/checks", secret); !strings.HasPrefix(got, "201 ") || !strings.Contains(got, `"target":"mysql://127.0.0.1:1"`) {
		t.Errorf("with a password: %s", got)
	}
	h.becomes("db", "down", changeWithin)
	for _, path := range []string{"/api/v1/checks", "/health", "/metrics", "/api/v1/health/history?name=db"} {
		h.send("GET", path, "")
	}
	if strings.Contains(h.log(), "hunter2") {
		t.Error("the log shows the password")
	}

	taken := "checks: [{name: port, type: disk, path: /, min_free: 0.000001, interval: 100ms}]\n"
	if err := os.WriteFile(file, []byte(taken), 0o600); err != nil {
		t.Fatal(err)
	}
	h.signal(syscall.SIGHUP)
	h.becomesFor("config", "degraded", `the check "port" of the API is not run`, changeWithin)
	if got, want := h.origins(), "config:built-in db:api port:file port:api! store:built-in"; got != want {
		t.Errorf("the file has the name: %s, want %s", got, want)
	}
	if got := h.send("DELETE", "/api/v1/checks/port", ""); !strings.HasPrefix(got, "204 ") {
		t.Errorf("remove: %s", got)
	}
	if got := h.send("DELETE", "/api/v1/checks/port", ""); !strings.HasPrefix(got, "409 ") {
		t.Errorf("remove that of the file: %s", got)
	}
	h.kill()
	h.start()
	if got, want := h.origins(), "db:api port:file store:built-in"; got != want {
		t.Errorf("after all: %s, want %s", got, want)
	}
}
