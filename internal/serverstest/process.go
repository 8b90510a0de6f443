//go:build linux

package serverstest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	readyWithin = 30 * time.Second // a busy machine with two cores needs some of it
	stopWithin  = 10 * time.Second
	pollEvery   = 5 * time.Millisecond
)

// process is one run of a server's program.
type process struct {
	pid    int
	exited chan struct{}
}

// start runs a command with its output appended to the file log.
func start(cmd *exec.Cmd, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // ^C is for the test, which then stops the server
	release, err := StartBound(cmd)
	if err != nil {
		return nil, err
	}
	p := &process{pid: cmd.Process.Pid, exited: make(chan struct{})}
	go func() {
		defer release()
		_ = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// gone reports whether it has ended.
func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// ready waits until check is true.
func (p *process) ready(check func() bool) error {
	for deadline := time.Now().Add(readyWithin); ; time.Sleep(pollEvery) {
		switch {
		case check():
			return nil
		case p.gone():
			return errors.New("it ended at once")
		case time.Now().After(deadline):
			return fmt.Errorf("it was not ready within %s", readyWithin)
		}
	}
}

// stop asks with the signal, and kills it and its children if that is no use.
func (p *process) stop(ask syscall.Signal) error {
	if p.gone() {
		return nil
	}
	family := p.family()
	_ = syscall.Kill(p.pid, ask)
	signal(family, syscall.SIGCONT)
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopWithin):
		signal(family, syscall.SIGKILL)
		<-p.exited
		return fmt.Errorf("it did not stop within %s and was killed", stopWithin)
	}
}

// kill ends the process and its children at once.
func (p *process) kill() error {
	if p.gone() {
		return nil
	}
	if err := p.freeze(); err != nil { // so that none starts another meanwhile
		return err
	}
	family := p.family()
	signal(family, syscall.SIGKILL)
	<-p.exited
	for deadline := time.Now().Add(stopWithin); ; time.Sleep(time.Millisecond) {
		left := 0
		for _, pid := range family {
			if state, _, ok := stat(pid); ok && state != 'Z' {
				left++
			}
		}
		if left == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes of it were left after %s", left, stopWithin)
		}
	}
}

// freeze stops the process and its children from running, and only then returns.
func (p *process) freeze() error {
	// Parents first, and again until there are no new children: one that still
	// ran may have started another.
	known := 0
	for {
		family := p.family()
		signal(family, syscall.SIGSTOP)
		if len(family) == known {
			break
		}
		known = len(family)
	}
	for deadline := time.Now().Add(stopWithin); ; time.Sleep(time.Millisecond) {
		running := 0
		for _, pid := range p.family() {
			if state, _, ok := stat(pid); ok && state != 'T' && state != 'Z' {
				running++
			}
		}
		if running == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes of it still ran after %s", running, stopWithin)
		}
	}
}

func (p *process) thaw() { signal(p.family(), syscall.SIGCONT) }

func signal(pids []int, s syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, s) // one that has ended meanwhile needs none
	}
}

// family lists the process and all that descend from it, parents first. A
// process group would not do: each backend of PostgreSQL leads a group of its own.
func (p *process) family() []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	children := make(map[int][]int)
	for _, path := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if _, parent, ok := stat(pid); ok {
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{p.pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// stat reads a process's state and parent.
func stat(pid int) (state byte, parent int, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, false
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 2 {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0][0], parent, err == nil
}
