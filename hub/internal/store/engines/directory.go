package engines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
)

const otherDirectory = "name another directory with --store"

// directory is the embedded store, the default: its name is a path.
var directory = engine{
	check: func(string) error { return nil },
	open: func(name string, o Options) (store.Store, error) {
		if info, err := os.Stat(name); err == nil && !info.IsDir() {
			return nil, errors.New("it is a file; name a directory")
		}
		s, err := pebblestore.Open(name, pebblestore.Options{Logger: o.Logger, MaxSize: o.MaxSize})
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("this user may not write there (%w); run as its owner, or %s", pathless(name, err), otherDirectory)
		case errors.Is(err, syscall.EROFS):
			return nil, fmt.Errorf("it is on a read-only file system (%w); mount that for writing, or %s", pathless(name, err), otherDirectory)
		case err != nil:
			return nil, pathless(name, err)
		}
		pebblestore.WarnOfReaders(name, o.Logger)
		return s, nil
	},
	show:     func(name string) string { return name },
	location: directoryLocation,
	other:    otherDirectory,
}

// pathless leaves the directory out of an error of it: its name is shown already.
func pathless(name string, err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok && path.Path == name {
		return path.Err
	}
	if inner := errors.Unwrap(err); inner != nil {
		return inner // pebblestore.Open puts the directory before each of its errors
	}
	return err
}

// directoryLocation is the absolute path, without symbolic links if the directory exists.
func directoryLocation(name string) string {
	path, err := filepath.Abs(name)
	if err != nil {
		path = name
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return path
}

// CheckExists returns an error if a name is that of a directory that holds no store:
// Open would create one there. Whether a server has one is known only once it is open.
func CheckExists(name string) error {
	if Remote(name) {
		return nil
	}
	_, err := os.Stat(filepath.Join(name, "FORMAT"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%s is not a directory with Kymo's data; name the one that --store named", name)
	}
	return err
}

// Repairs is what is damaged in a directory, and what repairing it cost.
type Repairs = pebblestore.Repairs

// Inspect reads all of a directory and returns what is damaged. It changes nothing.
func Inspect(name string, o Options) (*Repairs, error) {
	return overDirectory(name, o, pebblestore.Inspect)
}

// Repair makes a damaged directory usable. What it replaces stays in a subdirectory.
func Repair(name string, o Options) (*Repairs, error) {
	return overDirectory(name, o, pebblestore.Repair)
}

// Room returns how many bytes the disk of a directory has left, if that is known.
func Room(directory string) (bytes int64, known bool) { return pebblestore.Room(directory) }

func overDirectory(name string, o Options, do func(string, pebblestore.Options) (*Repairs, error)) (*Repairs, error) {
	if Remote(name) {
		return nil, errors.New("only a directory can be repaired; a server has tools of its own")
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	r, err := do(path, pebblestore.Options{Logger: o.Logger})
	switch {
	case errors.Is(err, store.ErrLocked):
		return nil, fmt.Errorf("a process uses %s; stop it first", path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
