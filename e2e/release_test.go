package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// TestRelease makes a release in a copy of this tree, publishes it in a module proxy, and
// uses it as users do: it gets the SDK, an adapter and the hub, and installs the command,
// which has the dashboard. Like a release, it needs Node.js.
func TestRelease(t *testing.T) {
	onlyLong(t)
	r := newRepository(t)
	// The go command keeps what it got in the module cache, which the user's other
	// modules are in, too. So the version is one that never was, and is removed.
	version := fmt.Sprintf("v0.1.0-test.%d", time.Now().UnixNano())
	r.refusals(version)
	r.release(version)
	u := newUser(t, version, publish(t, r, version))
	t.Run("SDK", u.getSDK)
	t.Run("adapter", u.getAdapter)
	t.Run("hub", u.getHub)
	t.Run("command", u.installCommand)
}

// refusals tries releases that must be refused, and must leave no traces.
func (r *repository) refusals(version string) {
	r.t.Helper()
	refused := func(version, because string) {
		r.t.Helper()
		out, err := r.command("make", "release", "VERSION="+version).CombinedOutput()
		if err == nil || !strings.Contains(string(out), because) {
			r.t.Errorf("make release VERSION=%s: %v, want a refusal with %q:\n%s", version, err, because, out)
		}
	}
	refused("", "must be like v0.1.0")
	refused("0.1.0", "must be like v0.1.0")
	refused("v0.1", "must be like v0.1.0")
	refused("v0.01.0", "must be like v0.1.0")
	refused("v2.0.0", "must be like v0.1.0")
	refused("v0.1.0+build", "must be like v0.1.0")
	refused(version, "CHANGELOG.md has no section")

	changelog := r.read("CHANGELOG.md")
	section := "## [Unreleased]\n"
	if strings.Count(changelog, section) != 1 {
		r.t.Fatalf("CHANGELOG.md must have one section %q", section)
	}
	changelog = strings.Replace(changelog, section, fmt.Sprintf("%s\n## [%s] - 2000-01-01\n", section, version[1:]), 1)
	r.write("CHANGELOG.md", changelog)
	refused(version, "not committed")
	r.run("git", "commit", "--quiet", "--all", "--message", "changelog: a version")

	r.run("git", "tag", "hub/"+version)
	refused(version, "the tag hub/"+version+" exists")
	r.run("git", "tag", "--delete", "hub/"+version)

	// A failure at the last moment: git cannot have a tag in the place of a directory
	// of tags. Those made before it must go.
	r.run("git", "tag", "hub/"+version+"/in-the-way")
	refused(version, "in-the-way")
	r.run("git", "tag", "--delete", "hub/"+version+"/in-the-way")
	if tags := r.run("git", "tag"); tags != "" {
		r.t.Errorf("a release that failed left tags: %s", tags)
	}
	if trees := r.run("git", "worktree", "list"); strings.Count(trees, "\n") != 1 {
		r.t.Errorf("a release that failed left a working tree:\n%s", trees)
	}
}

// release makes the release, which must leave branch and files as they are.
func (r *repository) release(version string) {
	r.t.Helper()
	before := r.run("git", "rev-parse", "HEAD", "--symbolic-full-name", "HEAD")
	r.run("make", "release", "VERSION="+version)
	if after := r.run("git", "rev-parse", "HEAD", "--symbolic-full-name", "HEAD"); after != before {
		r.t.Errorf("a release moved HEAD from %s to %s", before, after)
	}
	if status := r.run("git", "status", "--porcelain"); status != "" {
		r.t.Errorf("a release changed the tree:\n%s", status)
	}
	if trees := r.run("git", "worktree", "list"); strings.Count(trees, "\n") != 1 {
		r.t.Errorf("a release left a working tree:\n%s", trees)
	}
}

// moduleAt returns the path of a module in a directory of the repository, and the
// tag of its version.
func moduleAt(directory, version string) (m module.Version, tag string) {
	if directory == "." {
		return module.Version{Path: project, Version: version}, version
	}
	return module.Version{Path: project + "/" + directory, Version: version}, directory + "/" + version
}

// publish makes a module proxy of the tags, and returns its directory.
func publish(t *testing.T, r *repository, version string) string {
	t.Helper()
	proxy := t.TempDir()
	for _, directory := range publishedModules(t) {
		m, tag := moduleAt(directory, version)
		dir := filepath.Join(proxy, filepath.FromSlash(m.Path), "@v")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		inModule, subdirectory := "go.mod", ""
		if directory != "." {
			inModule, subdirectory = directory+"/go.mod", directory
		}
		var archive bytes.Buffer
		if err := zip.CreateFromVCS(&archive, m, r.dir, tag, subdirectory); err != nil {
			t.Fatalf("%s: %v", tag, err)
		}
		for name, content := range map[string][]byte{
			"list":            []byte(version + "\n"),
			version + ".info": fmt.Appendf(nil, `{"Version":%q,"Time":"2000-01-01T00:00:00Z"}`, version),
			version + ".mod":  []byte(r.run("git", "show", tag+":"+inModule)),
			version + ".zip":  archive.Bytes(),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return proxy
}

// user is a user with Go and a module proxy, but nothing of Kymo.
type user struct {
	version string
	env     []string
	home    string
}

func newUser(t *testing.T, version, proxy string) *user {
	t.Helper()
	u := &user{version: version, home: t.TempDir()}
	u.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + u.home, "GOENV=off", "GOFLAGS=-mod=mod", "GOTOOLCHAIN=local",
		"GOBIN=" + filepath.Join(u.home, "bin"),
		"GOPROXY=file://" + proxy + "," + goEnv(t, "GOPROXY"),
		"GONOSUMDB=" + project, // Its checksums are in no public database.
	}
	for _, name := range []string{"GOSUMDB", "GOMODCACHE", "GOCACHE"} { // the modules of others are there already
		u.env = append(u.env, name+"="+goEnv(t, name))
	}
	t.Cleanup(func() { forget(t, version) })
	return u
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatalf("go env %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// forget removes a version of all modules from the module cache.
func forget(t *testing.T, version string) {
	cache := goEnv(t, "GOMODCACHE")
	for _, directory := range publishedModules(t) {
		m, _ := moduleAt(directory, version)
		sources := filepath.Join(cache, filepath.FromSlash(m.Path)+"@"+version)
		_ = filepath.WalkDir(sources, func(path string, e os.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				err = os.Chmod(path, 0o700) // The go command makes them read-only.
			}
			return err
		})
		downloads := filepath.Join(cache, "cache", "download", filepath.FromSlash(m.Path), "@v")
		files, _ := filepath.Glob(filepath.Join(downloads, version+".*"))
		for _, path := range append(files, sources, filepath.Join(downloads, "list")) { // The list is written anew from what is there.
			if err := os.RemoveAll(path); err != nil {
				t.Errorf("cleaning the module cache: %v", err)
			}
		}
	}
}

// module makes a module with one file, main.go, and returns its directory.
func (u *user) module(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	u.run(t, dir, "go", "mod", "init", "example.com/service")
	return dir
}

// run runs a command, which must succeed, and returns what it printed.
func (u *user) run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), args[0], args[1:]...)
	command.Dir, command.Env = dir, u.env
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// require checks that modules of Kymo come from the proxy, at the version.
func (u *user) require(t *testing.T, dir string, modules ...string) {
	t.Helper()
	for _, m := range modules {
		got := strings.TrimSpace(u.run(t, dir, "go", "list", "-m", "-f", "{{.Version}} {{.Replace}}", m))
		if want := u.version + " <nil>"; got != want {
			t.Errorf("%s is %s, want %s", m, got, want)
		}
	}
}

func (u *user) getSDK(t *testing.T) {
	dir := u.module(t, `package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
)

type sink struct{}

func (sink) Ship(_ context.Context, batch []byte) error { return nil }

func main() {
	m := kymo.New("orders", kymo.WithSink(sink{}))
	m.Check("self", health.Func(func(context.Context) error { return nil }))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	m.Middleware(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/orders/7", nil))
	if err := m.Close(context.Background()); err != nil {
		panic(err)
	}
	fmt.Print(m.Stats().Shipped)
}
`)
	u.run(t, dir, "go", "get", project+"@"+u.version)
	if got := u.run(t, dir, "go", "run", "."); got != "1" {
		t.Errorf("the service shipped %q requests, want 1", got)
	}
	u.require(t, dir, project)
	if all := u.run(t, dir, "go", "list", "-m", "all"); strings.Count(all, "\n") != 2 {
		t.Errorf("the SDK brings other modules:\n%s", all)
	}
}

func (u *user) getAdapter(t *testing.T) {
	dir := u.module(t, `package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/go-chi/chi/v5"
	"github.com/kymohq/kymo"
	kymochi "github.com/kymohq/kymo/contrib/chi"
	"github.com/kymohq/kymo/kymotest"
)

func main() {
	sink := new(kymotest.Sink)
	m := kymo.New("orders", kymo.WithSink(sink))
	r := chi.NewRouter()
	r.Use(kymochi.Middleware(m))
	r.Get("/orders/{id}", func(http.ResponseWriter, *http.Request) {})
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/orders/7", nil))
	if err := m.Close(context.Background()); err != nil {
		panic(err)
	}
	for _, request := range sink.Requests() {
		fmt.Print(request.Endpoint)
	}
}
`)
	u.run(t, dir, "go", "get", project+"/contrib/chi@"+u.version)
	if got := u.run(t, dir, "go", "run", "."); got != "/orders/{id}" {
		t.Errorf("the adapter recorded %q", got)
	}
	u.require(t, dir, project, project+"/contrib/chi")
}

func (u *user) getHub(t *testing.T) {
	dir := u.module(t, `package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/hub"
)

func main() {
	h, err := hub.Open("kymo-data", hub.Config{})
	if err != nil {
		panic(err)
	}
	m := kymo.New("orders", kymo.WithSink(h))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	m.Middleware(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/orders/7", nil))
	if err := m.Close(context.Background()); err != nil {
		panic(err)
	}
	report := httptest.NewRecorder()
	h.ServeHTTP(report, httptest.NewRequest("GET", "http://localhost/metrics/performance", nil))
	os.Stdout.Write(report.Body.Bytes())
	if err := h.Close(context.Background()); err != nil {
		panic(err)
	}
}
`)
	u.run(t, dir, "go", "get", project+"/hub@"+u.version)
	var report struct {
		Requests int `json:"total_requests"`
	}
	out := u.run(t, dir, "go", "run", ".")
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Requests != 1 {
		t.Errorf("the embedded hub reports %s", out)
	}
	u.require(t, dir, project, project+"/hub")
}

func (u *user) installCommand(t *testing.T) {
	dir := t.TempDir()
	u.run(t, dir, "go", "install", project+"/hub/cmd/kymo@"+u.version)
	program := filepath.Join(u.home, "bin", "kymo")
	if got := u.run(t, dir, program, "version"); !strings.HasPrefix(got, "kymo "+u.version+",") {
		t.Errorf("kymo version prints %q, want %s", got, u.version)
	}

	ready := filepath.Join(dir, "ready")
	serve := exec.CommandContext(t.Context(), program, "serve", "--listen", "127.0.0.1:0", "--ready-file", ready)
	serve.Dir, serve.Env = dir, u.env
	serve.Cancel = func() error { return serve.Process.Signal(syscall.SIGTERM) }
	serve.WaitDelay = 20 * time.Second
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = serve.Wait() })
	var address []byte
	eventually(t, time.Minute, "the installed hub is ready", func() bool {
		address, _ = os.ReadFile(ready)
		return address != nil
	})
	url := strings.TrimSpace(string(address))
	page := fetch(t, url+"/", "text/html")
	script := regexp.MustCompile(`<script[^>]* src="([^"]+\.js)"`).FindStringSubmatch(page)
	if script == nil {
		t.Fatalf("the page at / is not the dashboard:\n%s", page)
	}
	if code := fetch(t, url+"/"+strings.TrimLeft(script[1], "./"), "text/javascript"); len(code) < 10_000 {
		t.Errorf("the dashboard's script has %d bytes", len(code))
	}
}

// fetch returns what a URL answers, which must be of the type.
func fetch(t *testing.T, url, contentType string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), contentType) {
		t.Fatalf("GET %s: %s, %s, %v", url, resp.Status, resp.Header.Get("Content-Type"), err)
	}
	return string(body)
}
