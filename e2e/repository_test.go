package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository is a clone with the working tree committed: one commit of all files that git
// does not ignore.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{t: t, dir: t.TempDir()}
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		source, target := filepath.Join("..", name), filepath.Join(r.dir, name)
		info, err := os.Lstat(source)
		if os.IsNotExist(err) {
			continue // removed, but not committed
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	r.run("git", "init", "--quiet", "--initial-branch=main")
	r.run("git", "config", "user.name", "test")
	r.run("git", "config", "user.email", "test@example.com")
	r.run("git", "add", "--all")
	r.run("git", "commit", "--quiet", "--message", "everything")
	// What npm installs need not be fetched again: tools/ui.sh does so if the lock
	// file is another one.
	const packages = "hub/web/node_modules"
	if source, err := filepath.Abs(filepath.Join("..", packages)); err == nil && exists(source) {
		r.run("cp", "--archive", source, packages)
	}
	return r
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// command returns a command in the repository.
func (r *repository) command(args ...string) *exec.Cmd {
	command := exec.CommandContext(r.t.Context(), args[0], args[1:]...)
	command.Dir = r.dir
	return command
}

// run runs a command, which must succeed, and returns what it printed.
func (r *repository) run(args ...string) string {
	r.t.Helper()
	command := r.command(args...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func (r *repository) read(name string) string {
	r.t.Helper()
	content, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(content)
}

func (r *repository) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}
