package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestWrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{"first", "2", ""} {
		if err := Write(Disk(0o600), name, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); string(got) != content || err != nil {
			t.Errorf("%q, %v, want %q", got, err, content)
		}
	}
	if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	if err := Write(Disk(0o600), filepath.Join(name, "below"), nil); err == nil {
		t.Error("a file was written below a file")
	}
}

// failing is the machine's disk, of which one operation fails. It notes all of them.
type failing struct {
	Disk
	at   string
	done []string
}

var errDisk = errors.New("the disk fails")

func (d *failing) do(operation string) error {
	if d.done = append(d.done, operation); operation == d.at {
		return errDisk
	}
	return nil
}

func (d *failing) Create(name string) (File, error) {
	f, err := d.Disk.Create(name)
	return failingFile{f, d}, errors.Join(err, d.do("create"))
}

func (d *failing) Rename(from, to string) error {
	if err := d.do("rename"); err != nil {
		return err
	}
	return d.Disk.Rename(from, to)
}

func (d *failing) SyncDir(name string) error {
	return errors.Join(d.Disk.SyncDir(name), d.do("sync dir"))
}

type failingFile struct {
	File
	disk *failing
}

func (f failingFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	return n, errors.Join(err, f.disk.do("write"))
}

func (f failingFile) Sync() error  { return errors.Join(f.File.Sync(), f.disk.do("sync")) }
func (f failingFile) Close() error { return errors.Join(f.File.Close(), f.disk.do("close")) }

// The new content is durable before it replaces the old one, whichever step fails, and
// no draft is left.
func TestWriteThatFails(t *testing.T) {
	steps := []string{"create", "write", "sync", "close", "rename", "sync dir"}
	for i, at := range append(steps, "none") {
		dir := t.TempDir()
		name := filepath.Join(dir, "file")
		if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		disk := &failing{Disk: 0o600, at: at}
		if err := Write(disk, name, []byte("new")); errors.Is(err, errDisk) != (at != "none") {
			t.Errorf("%s fails: %v", at, err)
		}
		want := steps[:min(i+1, len(steps))]
		if at == "write" || at == "sync" {
			want = append(slices.Clone(want), "close")
		}
		if !slices.Equal(disk.done, want) {
			t.Errorf("%s fails: done %q, want %q", at, disk.done, want)
		}
		content := "old"
		if at == "sync dir" || at == "none" {
			content = "new"
		}
		if got, err := os.ReadFile(name); string(got) != content || err != nil {
			t.Errorf("%s fails: %q, %v, want %q", at, got, err, content)
		}
		if _, err := os.Stat(name + ".new"); at != "create" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s fails: a draft is left, %v", at, err)
		}
	}
}
