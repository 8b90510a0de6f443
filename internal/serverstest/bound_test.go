//go:build linux

package serverstest

import (
	"os/exec"
	"syscall"
	"testing"
)

// A process lives on when others end that were started before and after it.
func TestStartBound(t *testing.T) {
	start := func(name string, args ...string) (cmd *exec.Cmd, release func()) {
		t.Helper()
		cmd = exec.CommandContext(t.Context(), name, args...)
		release, err := StartBound(cmd)
		if err != nil {
			t.Fatal(err)
		}
		return cmd, release
	}
	var lasting []*exec.Cmd
	for range 20 {
		cmd, release := start("sleep", "600")
		t.Cleanup(release)
		lasting = append(lasting, cmd)
		brief, release := start("true")
		if err := brief.Wait(); err != nil {
			t.Error(err)
		}
		release()
	}
	for _, cmd := range lasting {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
		if got := cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != syscall.SIGTERM {
			t.Errorf("it was ended before by the signal %v", got)
		}
	}
	if _, err := StartBound(exec.CommandContext(t.Context(), "/nonexistent")); err == nil {
		t.Error("a command that does not exist was started")
	}
}
