package pebblestore

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"
)

// usage is how many bytes the store takes of the disk.
type usage struct {
	total   int64 // of all files
	leaving int64 // of files of the database that are in no use, or in that of a reader only
	cut     int64 // of files of the database whose other part is in use
	copied  int64 // of files that compactions are writing
}

// kept is what of the store only deleting makes smaller.
func (u usage) kept() int64 { return max(0, u.total-u.leaving-u.cut-u.copied) }

// usage measures the store. What retention cannot make smaller is left out: damaged files
// that were set aside, and the links of a snapshot.
func (s *Store) usage(e *engine) (u usage, err error) {
	const tries = 3
	for range tries {
		before, err := e.unused()
		if err != nil {
			return u, err
		}
		total, err := s.sizeOf(s.dir)
		if err != nil {
			return u, err
		}
		after, err := e.unused()
		if err != nil {
			return u, err
		}
		// Files that came out of use meanwhile may have been measured, and those that were
		// deleted meanwhile not. The store is never taken for larger than it is.
		u = usage{total, max(before.leaving, after.leaving), max(before.cut, after.cut), max(before.copied, after.copied)}
		if before == after {
			break
		}
	}
	return u, nil
}

// unused measures the database's files that are not in use as a whole.
func (e *engine) unused() (usage, error) {
	var u usage
	err := e.attempt(func() error {
		m := e.db.Metrics()
		u.leaving = int64(m.Table.Local.ObsoleteSize + m.Table.Local.ZombieSize)
		u.cut = max(0, int64(m.Table.BackingTableSize)-int64(m.VirtualSize()))
		u.copied = m.Compact.InProgressBytes
		return nil
	})
	if err != nil {
		return usage{}, err
	}
	return u, nil
}

// sizeOf returns how many bytes the files of a directory take.
func (s *Store) sizeOf(dir string) (total int64, err error) {
	names, err := s.fs.List(dir)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		where := path.Join(dir, name)
		info, err := s.fs.Stat(where)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOENT):
			continue // it was deleted meanwhile
		case err != nil:
			return 0, err
		case !info.IsDir():
			total += info.Size()
		case name != asideDir && !strings.HasPrefix(name, snapshotPrefix):
			inside, err := s.sizeOf(where)
			if err != nil {
				return 0, err
			}
			total += inside
		}
	}
	return total, nil
}
