package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// kymo returns a command line of the real command, which it builds once.
func kymo(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := buildCommand()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), path, args...)
	if profiles := os.Getenv("KYMO_COVERDIR"); profiles != "" {
		command.Env = append(os.Environ(), "GOCOVERDIR="+profiles)
	}
	return command
}

// buildCommand builds the command. If KYMO_COVERDIR is set, its processes write the
// statements that they ran there, unless they are killed. (It is not GOCOVERDIR, which go
// test sets to a directory of its own.)
var buildCommand = sync.OnceValues(func() (path string, err error) {
	path, err = filepath.Abs("../build/e2e/kymo")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", path}
	if os.Getenv("KYMO_COVERDIR") != "" {
		args = append(args, "-cover", "-coverpkg="+project+"/...")
	}
	build := exec.Command("go", append(args, "./cmd/kymo")...)
	build.Dir = "../hub"
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the command: %w\n%s", err, out)
	}
	return path, nil
})

func TestVersion(t *testing.T) {
	out, err := kymo(t, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "kymo ") {
		t.Errorf("kymo version: %v, printed %q", err, out)
	}
}
