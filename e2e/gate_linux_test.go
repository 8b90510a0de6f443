package e2e

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// gate is between a hub and its clients. Of each answer it lets the first bytes through,
// and the rest when it is opened.
type gate struct {
	url    string
	opened chan struct{}
}

// newGate returns a gate that lets so many bytes through.
func newGate(t *testing.T, h *hub, first int64) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	g := &gate{"http://" + l.Addr().String(), make(chan struct{})}
	// With the default, all of a small snapshot would be in the buffers.
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16<<10) }), err)
	}}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := dialer.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
			if err != nil {
				in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in) }()
			go func() {
				defer in.Close()
				defer out.Close()
				if _, err := io.CopyN(in, out, first); err == nil {
					<-g.opened
					_, _ = io.Copy(in, out)
				}
			}()
		}
	}()
	return g
}

// begin starts kymo snapshot behind a gate, and returns once it has written something.
func (g *gate) begin(t *testing.T, dir string) (finish func() (status int, out string)) {
	t.Helper()
	command := kymo(t, "snapshot", "--hub", g.url, dir)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // The caller gets its status.
		close(ended)
	}()
	eventually(t, time.Minute, "something is copied", func() bool {
		select {
		case <-ended:
			t.Fatalf("kymo snapshot ended with %d:\n%s", command.ProcessState.ExitCode(), out.String())
		default:
		}
		drafts, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*.partial-*", "*"))
		return err == nil && len(drafts) > 0
	})
	return func() (int, string) {
		<-ended
		return command.ProcessState.ExitCode(), out.String()
	}
}
