// Package atomicfile replaces files as a whole: Write writes a draft beside the file,
// makes it durable and renames it. A reader of the file, even after a crash, finds its
// previous content or all of the new one.
package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is what Write needs of a file system.
type FS interface {
	// Create creates an empty file, or empties it.
	Create(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes the entries of a directory durable.
	SyncDir(name string) error
}

// File is a file that is being written.
type File interface {
	io.WriteCloser
	Sync() error
}

// Write writes a file, durably, over one that exists. After an error there is no draft,
// unless it could not be removed; the next Write overwrites it.
func Write(disk FS, name string, content []byte) error {
	draft := name + ".new"
	f, err := disk.Create(draft)
	if err != nil {
		return err
	}
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = disk.Rename(draft, name)
	}
	if err != nil {
		_ = disk.Remove(draft)
		return err
	}
	return disk.SyncDir(filepath.Dir(name))
}

// Disk is the machine's file system, on which new files get this mode.
type Disk fs.FileMode

// Create creates a file.
func (d Disk) Create(name string) (File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, fs.FileMode(d))
}

// Rename renames a file.
func (Disk) Rename(from, to string) error { return os.Rename(from, to) }

// Remove removes a file.
func (Disk) Remove(name string) error { return os.Remove(name) }

// SyncDir returns no error: not every system can.
func (Disk) SyncDir(name string) error {
	if dir, err := os.Open(name); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}
