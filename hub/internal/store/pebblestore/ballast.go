package pebblestore

import (
	"errors"
	"math"
	"path"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The ballast is a file without meaning that keeps some of the disk. Once the disk is
// full, it is removed, and there is room to open the database and to delete from it:
// both write first.
const (
	ballastBytes = 16 << 20
	ballastShare = 16 // of what is free, at most one part in so many
)

func (s *Store) ballast() string { return path.Join(s.dir, "BALLAST") }

// releaseBallast removes the ballast, and reports whether there was any.
func (s *Store) releaseBallast() bool {
	if _, err := s.fs.Stat(s.ballast()); err != nil {
		return false
	}
	return errors.Join(s.fs.Remove(s.ballast()), syncDir(s.fs, s.dir)) == nil
}

// fillBallast writes the ballast, unless it is there or the disk has little room. A store
// works without it.
func (s *Store) fillBallast() {
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return
	}
	if _, err := s.fs.Stat(s.ballast()); err == nil {
		return
	}
	size := min(ballastBytes, usage.AvailBytes/ballastShare)
	if size < 1<<20 {
		return
	}
	f, err := s.fs.Create(s.ballast(), "kymo-ballast")
	if err != nil {
		return
	}
	chunk := make([]byte, 1<<20)
	for left := size; left > 0 && err == nil; left -= min(left, uint64(len(chunk))) {
		_, err = f.Write(chunk[:min(left, uint64(len(chunk)))])
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = s.fs.Remove(s.ballast())
	}
}

// Room returns how many bytes the disk of a directory has left, if that is known.
func Room(dir string) (bytes int64, known bool) {
	usage, err := vfs.Default.GetDiskUsage(dir)
	return int64(min(usage.AvailBytes, math.MaxInt64)), err == nil
}
