package pebblestore

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestFence does everything that changes files, before and after it is shut.
func TestFence(t *testing.T) {
	f := &fence{FS: vfs.NewMem()}
	dir, err := f.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	var files []vfs.File
	file := func(open func() (vfs.File, error)) func() error {
		return func() error {
			file, err := open()
			if err == nil {
				files = append(files, file)
			}
			return err
		}
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"MkdirAll", func() error { return f.MkdirAll("d", 0o755) }},
		{"Create", file(func() (vfs.File, error) { return f.Create("d/a", "t") })},
		{"OpenReadWrite", file(func() (vfs.File, error) { return f.OpenReadWrite("d/b", "t") })},
		{"ReuseForWrite", file(func() (vfs.File, error) { return f.ReuseForWrite("d/a", "d/c", "t") })},
		{"Link", func() error { return f.Link("d/b", "d/e") }},
		{"Rename", func() error { return f.Rename("d/e", "d/f") }},
		{"Write", func() error { _, err := files[0].Write([]byte("x")); return err }},
		{"WriteAt", func() error { _, err := files[1].WriteAt([]byte("x"), 0); return err }},
		{"Sync of a directory", func() error { return dir.Sync() }},
		{"Remove", func() error { return f.Remove("d/f") }},
		{"RemoveAll", func() error { return f.RemoveAll("d") }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s before the fence is shut: %v", step.name, err)
		}
	}
	f.shut.Store(true)
	for _, step := range steps {
		if err := step.do(); !errors.Is(err, errFenced) {
			t.Errorf("%s behind a shut fence: %v, want errFenced", step.name, err)
		}
	}
	if _, err := f.Unwrap().List("/"); err != nil {
		t.Error(err)
	}
}
