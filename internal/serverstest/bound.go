//go:build linux

package serverstest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// StartBound starts cmd so that it is killed when this program ends, in whatever way: no
// cleanup runs after a test's timeout. The caller waits for cmd, and then calls release.
//
// Linux kills it when the thread ends that started it (PR_SET_PDEATHSIG in prctl(2)), and
// Go ends threads now and then. So that thread is kept until release is called, and starts
// nothing else.
func StartBound(cmd *exec.Cmd) (release func(), err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, released := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		started <- cmd.Start()
		<-released
	}()
	if err := <-started; err != nil {
		close(released)
		return nil, err
	}
	return func() { close(released) }, nil
}
