//go:build unix

package main

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A file that changes after it was read, while the hub still starts, is read again.
func TestWatchSeesChangesWhileStarting(t *testing.T) {
	dir := t.TempDir()
	path, token := filepath.Join(dir, "kymo.yaml"), filepath.Join(dir, "token")
	if err := syscall.Mkfifo(token, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, path, "tokens: {ingest: 'file:"+token+"'}\nchecks: [{name: first, type: disk, path: /}]\n")
	fed := make(chan error, 1)
	go func() {
		// It opens when the hub reads the token, and so has read its configuration.
		pipe, err := os.OpenFile(token, os.O_WRONLY, 0)
		if err != nil {
			fed <- err
			return
		}
		defer pipe.Close()
		if err := os.WriteFile(path, []byte("checks: [{name: second, type: disk, path: /}]\n"), 0o600); err != nil {
			fed <- err
			return
		}
		_, err = io.WriteString(pipe, "secret")
		fed <- err
	}()
	hub, stop := serving(t, "--listen", "127.0.0.1:0", "--store", filepath.Join(dir, "data"), "--config", path, "--watch-config")
	if err := <-fed; err != nil {
		t.Fatal(err)
	}
	awaitCheck(t, hub, "second")
	if status := stop(); status != exitOK {
		t.Errorf("serve ended with %d", status)
	}
}

// A busy file in the same directory does not keep the change of another from being seen.
func TestWatchBesideABusyFile(t *testing.T) {
	dir := t.TempDir()
	path, busy := filepath.Join(dir, "kymo.yaml"), filepath.Join(dir, "busy")
	write(t, path, "first")
	w, err := watchFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.stop()
	write(t, path, "second")
	limit := time.After(30 * time.Second)
	for tick := time.Tick(10 * time.Millisecond); ; {
		select {
		case <-w.changed:
			return
		case <-limit:
			t.Fatal("the change was not seen")
		case <-tick:
			write(t, busy, "again")
		}
	}
}
