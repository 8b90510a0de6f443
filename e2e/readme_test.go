package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/serverstest"
)

// TestReadme compiles and runs the README's example, with another port, and looks for its
// requests in the hub.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```go\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the README has no example in Go")
	}
	address := serverstest.FreeAddress(t)
	if strings.Count(example, "127.0.0.1:8080") != 1 {
		t.Fatal("the example does not listen on 127.0.0.1:8080")
	}
	example = strings.Replace(example, "127.0.0.1:8080", address, 1)
	sdk, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{
		"main.go": example,
		"go.mod": fmt.Sprintf("module example\n\ngo 1.25.0\n\nrequire %s v0.0.0\n\nreplace %s => %s\n",
			project, project, sdk),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", "service", ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the example: %v\n%s", err, out)
	}

	h := startHub(t, t.TempDir())
	service := exec.CommandContext(t.Context(), filepath.Join(dir, "service"))
	service.Env = append(os.Environ(), "KYMO_HUB="+h.url)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = service.Process.Kill()
		_ = service.Wait()
	})
	const requests = 25
	for i := range requests {
		url := fmt.Sprintf("http://%s/orders/%d", address, i)
		eventually(t, time.Minute, "the example serves", func() bool {
			resp, err := client.Get(url)
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			return string(body) == fmt.Sprintln("order", i) && strings.HasSuffix(resp.Header.Get("X-Response-Time"), "ms")
		})
	}
	// Nothing of the last second is lost: the service gets the signal to stop right after
	// its last answer.
	if err := service.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := service.Wait(); err != nil {
		t.Errorf("the example ended with %v", err)
	}
	// A report is of what started before the millisecond it is asked in.
	time.Sleep(time.Millisecond)
	var endpoints []struct {
		Service  string `json:"service"`
		Endpoint string `json:"endpoint"`
		Method   string `json:"method"`
		Requests int    `json:"total_requests"`
	}
	h.get("/metrics/endpoints?service=orders", &endpoints)
	if len(endpoints) != 1 || endpoints[0].Requests != requests ||
		endpoints[0].Service != "orders" || endpoints[0].Endpoint != "/orders/{id}" || endpoints[0].Method != "GET" {
		t.Errorf("the hub has %+v", endpoints)
	}
}
