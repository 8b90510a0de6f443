package pebblestore

import (
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fence is a file system whose write operations can be shut for good. A Pebble that
// failed cannot be stopped at once, since its goroutines may still be compacting.
// Behind a shut fence it cannot touch the directory that the next one uses.
type fence struct {
	vfs.FS
	shut   atomic.Bool
	mu     sync.RWMutex                          // held for reading during each operation
	moving atomic.Bool                           // whether a marker was made since a directory was last synced
	spare  atomic.Pointer[func(bytes int) error] // see limit

	fatal func(error) // gives the database up, and never returns
	room  uint64      // the bytes of the disk that Pebble may think are left; 0 for all that are

	tables sync.Mutex // guards what follows
	drafts []string   // tables that were created since the last call of keep
	broken bool       // whether one of them could not be written
}

var errFenced = errors.New("pebblestore: this database was given up")

// shutPause slows down an abandoned Pebble, which retries a flush at once and forever. Each
// try begins with a new file, or, if there is nothing to write, goes straight to the sync of
// the directory. It holds no lock for either.
const shutPause = 10 * time.Millisecond

// do carries out an operation that changes files, unless the fence is shut.
func (f *fence) do(operation func() error) error {
	f.mu.RLock()
	if f.shut.Load() {
		f.mu.RUnlock()
		return errFenced
	}
	defer f.mu.RUnlock()
	return operation()
}

// doSlowly is do for an operation that an abandoned Pebble may retry forever.
func (f *fence) doSlowly(operation func() error) error {
	err := f.do(operation)
	if errors.Is(err, errFenced) {
		time.Sleep(shutPause)
	}
	return err
}

// drain waits for the operations that were let through. The fence must be shut.
func (f *fence) drain() {
	f.mu.Lock()
	defer f.mu.Unlock()
}

// open is do for an operation that opens a file, which it puts behind the fence, too.
func (f *fence) open(operation func() (vfs.File, error)) (file vfs.File, err error) {
	err = f.doSlowly(func() (err error) {
		file, err = operation()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &fencedFile{file, f, false}, nil
}

// limit refuses to write tables when spare returns an error for so many bytes. From then on
// tables are not noted.
func (f *fence) limit(spare func(bytes int) error) { f.spare.Store(&spare) }

// keep notes that all tables so far are complete.
func (f *fence) keep() {
	f.tables.Lock()
	defer f.tables.Unlock()
	f.drafts = nil
}

// removeDrafts removes the tables that were created since keep, if one of them could not
// be written, so that the database lists none of them. The fence must be shut and drained,
// and there must have been no compactions.
func (f *fence) removeDrafts() {
	f.tables.Lock()
	defer f.tables.Unlock()
	if !f.broken {
		return
	}
	for _, name := range f.drafts {
		_ = f.FS.Remove(name) // Pebble may have been faster
	}
}

func (f *fence) created(name string) {
	f.tables.Lock()
	defer f.tables.Unlock()
	if f.spare.Load() == nil {
		f.drafts = append(f.drafts, name)
	}
}

func (f *fence) failed() {
	f.tables.Lock()
	defer f.tables.Unlock()
	f.broken = true
}

// Open opens a file for reading, which the fence never prevents.
func (f *fence) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.Open(name, o...)
	return checked(file, name, err)
}

// OpenDir opens a directory, which it puts behind the fence.
func (f *fence) OpenDir(name string) (vfs.File, error) {
	dir, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedDir{dir, f}, nil
}

func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.open(func() (vfs.File, error) {
		if err := f.beforeMarker(name); err != nil {
			return nil, err
		}
		file, err := f.FS.Create(name, c)
		if isMarker(name) && err == nil {
			f.moving.Store(true)
		}
		return file, err
	})
	if fenced, ok := file.(*fencedFile); ok {
		if fenced.table = strings.HasSuffix(name, tableSuffix); fenced.table {
			f.created(name)
		}
	}
	return file, err
}

// markerPrefix is how the files begin by whose names Pebble knows its list of tables.
const markerPrefix = "marker."

func isMarker(name string) bool { return strings.HasPrefix(path.Base(name), markerPrefix) }

// beforeMarker makes the entries of the directory durable if the file is a marker. Pebble
// makes a list of tables, then a marker that names it, removes the marker before, and only
// then syncs the directory: if the power fails meanwhile, the disk may have the last of
// these steps without the earlier ones.
func (f *fence) beforeMarker(name string) error {
	if !isMarker(name) {
		return nil
	}
	return syncDir(f.FS, path.Dir(name))
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, o...) })
}

func (f *fence) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.ReuseForWrite(old, name, c) })
}

func (f *fence) Link(old, name string) error {
	return f.do(func() error { return f.FS.Link(old, name) })
}

func (f *fence) Remove(name string) error {
	return f.do(func() error {
		if err := f.beforeMarker(name); err != nil {
			return err
		}
		return f.FS.Remove(name)
	})
}

func (f *fence) RemoveAll(name string) error {
	return f.do(func() error { return f.FS.RemoveAll(name) })
}

func (f *fence) Rename(old, name string) error {
	return f.do(func() error { return f.FS.Rename(old, name) })
}

func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	return f.do(func() error { return f.FS.MkdirAll(dir, perm) })
}

// GetDiskUsage tells Pebble of no more than room. By what is left Pebble limits how many tables
// a compaction takes along: to half of it.
func (f *fence) GetDiskUsage(dir string) (vfs.DiskUsage, error) {
	usage, err := f.FS.GetDiskUsage(dir)
	if f.room > 0 {
		usage.AvailBytes = min(usage.AvailBytes, f.room)
	}
	return usage, err
}

// Lock does nothing: the store holds the directory's lock for every engine it opens.
func (f *fence) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Unwrap returns the file system behind the fence.
func (f *fence) Unwrap() vfs.FS { return f.FS }

type fencedFile struct {
	vfs.File
	fence *fence
	table bool
}

func (f *fencedFile) Write(b []byte) (n int, err error) {
	err = f.fence.do(func() (err error) {
		if spare := f.fence.spare.Load(); spare != nil && f.table {
			err = (*spare)(len(b))
		}
		if err == nil {
			n, err = f.File.Write(b)
		}
		if err != nil && f.table {
			f.fence.failed()
		}
		return err
	})
	return n, err
}

func (f *fencedFile) WriteAt(b []byte, at int64) (n int, err error) {
	err = f.fence.do(func() (err error) {
		n, err = f.File.WriteAt(b, at)
		return err
	})
	return n, err
}

type fencedDir struct {
	vfs.File
	fence *fence
}

// Sync does not return if it fails for a marker, since Pebble would end the process.
func (d *fencedDir) Sync() error {
	err := d.fence.doSlowly(d.File.Sync)
	switch {
	case err == nil:
		d.fence.moving.Store(false)
	case d.fence.moving.Load():
		d.fence.fatal(err)
	}
	return err
}
