package pebblestore

import (
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The modes of what a store creates, whatever the umask: users and paths are in it.
const (
	privateDir  = 0o700
	privateFile = 0o600
)

// private is the machine's disk, on which files and directories are created with the
// modes above. Pebble creates files with a mode of its own, so each is changed as soon
// as it exists.
type private struct{ vfs.FS }

func (p private) Unwrap() vfs.FS { return p.FS }

func (p private) MkdirAll(dir string, _ fs.FileMode) error { return p.FS.MkdirAll(dir, privateDir) }

func (p private) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return closed(p.FS.Create(name, c))(name)
}

func (p private) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return closed(p.FS.OpenReadWrite(name, c, o...))(name)
}

func (p private) Lock(name string) (io.Closer, error) { return closed(p.FS.Lock(name))(name) }

// closed returns a function that takes access to a file, which may be new, from others.
func closed[F io.Closer](f F, err error) func(name string) (F, error) {
	return func(name string) (F, error) {
		if err != nil {
			return f, err
		}
		if err := os.Chmod(name, privateFile); err != nil {
			var none F
			_ = f.Close()
			return none, err
		}
		return f, nil
	}
}

// WarnOfReaders logs a warning, to slog.Default() if the logger is nil, if other users of
// the machine may read the directory of a store. A directory that existed before the
// store keeps the mode that its owner gave it.
func WarnOfReaders(dir string, logger *slog.Logger) {
	if logger == nil {
		logger = slog.Default()
	}
	if othersMayRead(dir) {
		logger.Warn("other users of this machine can read the directory of the store; take that away with chmod o-rwx", "directory", dir)
	}
}

func othersMayRead(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o005 != 0
}
