package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hangUp sends a SIGHUP to this thread, which ends the process if nothing waits for the
// signal. It arrives before the call returns; a signal to the process might arrive only
// after the hub has ended, on a busy machine.
func hangUp(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Tgkill(os.Getpid(), syscall.Gettid(), syscall.SIGHUP); err != nil {
		t.Error(err)
	}
}

// A hangup while the hub starts does not end it, and is not lost.
func TestHangupWhileStarting(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kymo.yaml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	const first = "checks: [{name: first, type: disk, path: /}]\n"
	const second = "checks: [{name: second, type: disk, path: /}]\n"
	fed := make(chan error, 1)
	go func() {
		// It opens when the hub reads its configuration.
		pipe, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			fed <- err
			return
		}
		defer pipe.Close()
		hangUp(t)
		next := filepath.Join(dir, "next")
		if err := os.WriteFile(next, []byte(second), 0o600); err != nil {
			fed <- err
			return
		}
		if err := os.Rename(next, path); err != nil {
			fed <- err
			return
		}
		_, err = io.WriteString(pipe, first)
		fed <- err
	}()
	hub, stop := serving(t, "--listen", "127.0.0.1:0", "--store", filepath.Join(dir, "data"), "--config", path)
	if err := <-fed; err != nil {
		t.Fatal(err)
	}
	awaitCheck(t, hub, "second")
	if status := stop(); status != exitOK {
		t.Errorf("serve ended with %d", status)
	}
}

// awaitCheck waits until the hub has a check of that name.
func awaitCheck(t *testing.T, hub, name string) {
	t.Helper()
	var answer string
	for range 3000 {
		resp, err := http.Get(hub + "/health")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if answer = string(body); strings.Contains(answer, `"`+name+`":`) {
			return
		}
		time.Sleep(10 * time.Millisecond) // between two attempts, not instead of one
	}
	t.Fatalf("there is no check %s in 30 s: %s", name, answer)
}

// A hangup while the hub stops, with a request in flight, does not end it.
func TestHangupWhileStopping(t *testing.T) {
	hub, stop := serving(t, "--listen", "127.0.0.1:0", "--store", filepath.Join(t.TempDir(), "data"))
	address, err := url.Parse(hub)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const body = `{}`
	// The hub asks for the body, and so has begun to answer.
	fmt.Fprintf(c, "POST /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	r := bufio.NewReader(c)
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != http.StatusContinue {
		t.Fatalf("got %+v, %v", resp, err)
	}
	ended := make(chan int, 1)
	go func() { ended <- stop() }()
	for range 3000 {
		probe, err := net.Dial("tcp", address.Host)
		if err != nil {
			break // it takes no more connections: it is stopping
		}
		probe.Close()
		time.Sleep(time.Millisecond) // between two attempts, not instead of one
	}
	hangUp(t)
	if _, err := io.WriteString(c, body); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.ReadResponse(r, nil); err != nil {
		t.Errorf("got %+v, %v", resp, err)
	}
	if status := <-ended; status != exitOK {
		t.Errorf("serve ended with %d", status)
	}
}
