package core

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestSessionsFile(t *testing.T) {
	var log strings.Builder
	o := Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Directory: t.TempDir()}
	f := o.sessionsFile()
	for _, content := range []string{"", "1 a\n", "1 a\n2 b\n", "2 b\n"} {
		if got := f.read(); content == "" && got != "" {
			t.Errorf("before the first: %q", got)
		}
		if err := f.save(content); err != nil {
			t.Fatal(err)
		}
		if got := f.read(); got != content {
			t.Errorf("%q, want %q", got, content)
		}
	}
	info, err := os.Stat(f.name)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	if log.String() != "" {
		t.Error(log.String())
	}
	if f := new(Options).sessionsFile(); f.save("1 a\n") != nil || f.read() != "" {
		t.Error("a hub without a directory has a file")
	}
}

func TestSessionsFileThatFails(t *testing.T) {
	var log strings.Builder
	o := Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Directory: t.TempDir()}
	f := o.sessionsFile()
	large := strings.Repeat("1 a\n", maxSessions/4+1)
	if err := f.save(large); err != nil {
		t.Fatal(err)
	}
	if got := f.read(); got != "" || !strings.Contains(log.String(), "cannot read which sessions were ended") {
		t.Errorf("got %q, %s", got, &log)
	}
	if err := f.save("1 a\n"); err != nil || f.read() != "1 a\n" {
		t.Errorf("after one that could not be read: %v, %q", err, f.read())
	}
	if kept, err := os.ReadFile(f.name + ".unread"); err != nil || string(kept) != large {
		t.Errorf("%d bytes are kept, %v", len(kept), err)
	}
	if err := errors.Join(os.Remove(f.name), os.MkdirAll(f.name, 0o700)); err != nil {
		t.Fatal(err)
	}
	if f.save("1 a\n") == nil {
		t.Error("a directory was replaced")
	}
	o.Directory = filepath.Join(o.Directory, "none")
	if f := o.sessionsFile(); f.save("1 a\n") == nil {
		t.Error("a file was made in no directory")
	}
}
