package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// timeout bounds one run of a suite's tests.
const timeout = 10 * time.Minute

// tree is a copy of sources in which tests can be run.
type tree struct {
	dir      string
	command  string   // the go command
	env      []string // what it needs in its environment
	packages []string // those with the tests to run, by import path
}

// goCommand is the go command in dir, with only the module there.
func goCommand(ctx context.Context, dir, command string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir = dir
	// Interrupted, go test ends the tests that it runs; killed, it leaves them.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "GOWORK=off")
	return cmd
}

func goOutput(ctx context.Context, dir string, args ...string) (string, error) {
	return output(goCommand(ctx, dir, "go", args...))
}

func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	if err != nil {
		message := string(out)
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			message += string(exit.Stderr)
		}
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, message)
	}
	return string(out), nil
}

func goJSON(ctx context.Context, dir string, to any, args ...string) error {
	out, err := goOutput(ctx, dir, args...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), to)
}

// list returns the packages in t's directory.
func (t tree) list(ctx context.Context) ([]string, error) {
	cmd := goCommand(ctx, t.dir, t.command, "list", "./...")
	cmd.Env = append(cmd.Env, t.env...)
	out, err := output(cmd)
	return strings.Fields(out), err
}

// test runs the tests in t, or only one of them, with env. log gets the events,
// as go test -json has them.
func (t tree) test(ctx context.Context, only test, log string, env ...string) (results, error) {
	args := []string{"test", "-json", "-count=1", "-vet=off", "-timeout=" + timeout.String()}
	packages := t.packages
	if only.name != "" {
		args = append(args, "-run", "^"+regexp.QuoteMeta(only.name)+"$")
		packages = []string{only.pkg}
	}
	cmd := goCommand(ctx, t.dir, t.command, append(args, packages...)...)
	cmd.Env = append(append(cmd.Env, t.env...), env...)
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, err
	}
	events, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer events.Close()
	var out, errs bytes.Buffer
	cmd.Stdout = io.MultiWriter(events, &out)
	cmd.Stderr = &errs
	// An exit status that is not 0 usually is a failed test, which the events have.
	failed := cmd.Run()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := read(&out)
	if err == nil && len(r) == 0 {
		err = errors.New("no test has run")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; %w\n%s", cmd, err, failed, &errs)
	}
	return r, nil
}
