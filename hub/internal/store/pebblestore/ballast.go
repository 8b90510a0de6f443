package pebblestore

import (
	"errors"
	"fmt"
	"math"
	"path"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The ballast is a file without meaning that keeps some of the disk. Once the disk is
// full, it is removed, and there is room to open the database and to delete from it:
// both write first.
const (
	ballastBytes = 16 << 20
	ballastShare = 16 // of what is free, at most one part in so many
	ballastPart  = 64 // of the size that the store is held to, likewise
	minBallast   = 1 << 20
)

func (s *Store) ballast() string { return path.Join(s.dir, "BALLAST") }

// releaseBallast removes the ballast, and reports whether there was any.
func (s *Store) releaseBallast() bool {
	if _, err := s.fs.Stat(s.ballast()); err != nil {
		return false
	}
	s.reserve.Store(0)
	return errors.Join(s.fs.Remove(s.ballast()), syncDir(s.fs, s.dir)) == nil
}

// fillBallast writes the ballast, unless it is there or the disk has little room. A store
// works without it.
func (s *Store) fillBallast() {
	if info, err := s.fs.Stat(s.ballast()); err == nil {
		s.reserve.Store(info.Size())
		return
	}
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return
	}
	size := min(uint64(s.maxBallast()), usage.AvailBytes/ballastShare)
	if size < minBallast {
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
		return
	}
	s.reserve.Store(int64(size))
}

// maxBallast is how large the ballast is on a disk with enough room.
func (s *Store) maxBallast() int { return s.scaled(ballastBytes, ballastPart, 0) }

// resizeBallast fits the ballast to the size that the store is held to.
func (c *committer) resizeBallast() {
	is, most := int(c.reserve.Load()), c.maxBallast()
	if c.failed != nil || is == 0 && most < minBallast || is > most/2 && is <= most {
		return
	}
	c.releaseBallast()
	c.fillBallast()
}

// checkRoom returns an error if writing so many bytes would take the room that the ballast
// gave up: a store without it could not even be opened.
func (s *Store) checkRoom(bytes int) error {
	if s.reserve.Load() > 0 {
		return nil
	}
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil || usage.AvailBytes >= uint64(minBallast+bytes) {
		return nil //nolint:nilerr // a disk that does not tell is written until it is full
	}
	return fmt.Errorf("%w: the rest is kept for opening the store", syscall.ENOSPC)
}

// segmentLimit is the size from which on memory is flushed: what the ballast gives back
// must do for replaying a segment.
func (c *committer) segmentLimit() int {
	return c.scaled(min(c.segment, max(minBallast, int(c.reserve.Load())/2)), segmentPart, minSegment)
}

func (c *committer) segmentFull() bool {
	return c.journal.file != nil && c.journal.valid >= int64(c.segmentLimit())
}

// Room returns how many bytes the disk of a directory has left, if that is known.
func Room(dir string) (bytes int64, known bool) {
	usage, err := vfs.Default.GetDiskUsage(dir)
	return int64(min(usage.AvailBytes, math.MaxInt64)), err == nil
}
