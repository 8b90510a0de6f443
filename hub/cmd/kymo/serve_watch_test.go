//go:build unix

package main

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
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
		// Opening blocks until the hub reads the token, after its configuration.
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
