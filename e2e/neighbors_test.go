package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// neighbors are modules that services with an embedded hub also use, each at a version
// that the hub is known to build with, and the packages of it that a service imports. A
// build has one version of each module, the highest that any of its modules requires, so
// a neighbor may raise the version of a dependency beyond what the hub builds with. This
// happened with sentry-go, which removed something that Pebble's cockroachdb/errors used.
var neighbors = []struct {
	module, version string
	packages        []string
}{
	{"github.com/getsentry/sentry-go", "v0.50.0", []string{"", "/http"}},
	{"github.com/prometheus/client_golang", "v1.25.0", []string{"/prometheus", "/prometheus/promhttp"}},
	{"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "v0.72.0", []string{""}},
	{"google.golang.org/grpc", "v1.85.0", []string{"", "/health"}},
}

// TestNeighbors builds a service that embeds the hub and imports all of them, and starts
// it, since packages may also conflict in what they register at the start.
func TestNeighbors(t *testing.T) {
	onlyLong(t)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile("../hub/go.sum")
	if err != nil {
		t.Fatal(err)
	}
	imports := []string{fmt.Sprintf("_ %q", project), fmt.Sprintf("_ %q", project+"/hub")}
	modules := []string{project + " v0.0.0", project + "/hub v0.0.0"}
	for _, n := range neighbors {
		modules = append(modules, n.module+" "+n.version)
		for _, p := range n.packages {
			imports = append(imports, fmt.Sprintf("_ %q", n.module+p))
		}
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.go": "package main\n\nimport (\n" + strings.Join(imports, "\n") + "\n)\n\nfunc main() {}\n",
		"go.mod": fmt.Sprintf("module neighbors\n\ngo 1.26.0\n\nrequire (\n%s\n)\n\nreplace (\n%s => %s\n%s/hub => %s/hub\n)\n",
			strings.Join(modules, "\n"), project, root, project, root),
		"go.sum": string(sums),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), args[0], args[1:]...)
		command.Dir = dir
		command.Env = append(os.Environ(), "GOWORK=off")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	// With -mod=mod the build completes go.mod and go.sum itself, without the
	// modules that only tests of dependencies need, which go mod tidy would fetch.
	service := filepath.Join(dir, "service")
	run("go", "build", "-mod=mod", "-o", service, ".")
	run(service)

	// The versions are those of the table: one that the hub raised was not tested.
	for _, n := range neighbors {
		if got := strings.TrimSpace(run("go", "list", "-m", "-f", "{{.Version}}", n.module)); got != n.version {
			t.Errorf("%s is at %s, not at %s: the hub requires more; raise it here", n.module, got, n.version)
		}
	}
}
