package pebblestore

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// tight is a disk that, once it is full, has no more room than the ballast takes.
type tight struct {
	vfs.FS
	full atomic.Bool
}

func (f *tight) GetDiskUsage(string) (vfs.DiskUsage, error) {
	if _, err := f.Stat("data/BALLAST"); f.full.Load() && err == nil {
		return vfs.DiskUsage{TotalBytes: 1 << 30}, nil
	} else if f.full.Load() {
		return vfs.DiskUsage{TotalBytes: 1 << 30, AvailBytes: 2 << 20}, nil
	}
	return vfs.DiskUsage{TotalBytes: 1 << 30, AvailBytes: 1 << 29}, nil
}

func (f *tight) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if _, err := f.Stat("data/BALLAST"); f.full.Load() && err == nil {
		return nil, syscall.ENOSPC
	}
	return f.FS.Create(name, c)
}

// TestStartOnFullDisk starts a store on a disk without any room: it gives up its ballast,
// answers, forgets and takes batches.
func TestStartOnFullDisk(t *testing.T) {
	fs := &tight{FS: vfs.NewMem()}
	var log strings.Builder
	opts := Options{FS: fs, tuning: busy, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	s, oracle, next := open(t, opts), storetest.NewOracle(), batches("a", 100)
	for range 5 {
		b := next()
		mustAppend(t, s, b)
		mustAppend(t, oracle, b)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := fs.Stat("data/BALLAST")
	if err != nil || info.Size() != ballastBytes {
		t.Fatalf("the ballast: %v, %v", info, err)
	}
	fs.full.Store(true)
	s = open(t, opts)
	equal(t, s, oracle)
	if err := s.Prune(t.Context(), storetest.Noon-24*hourMillis); err != nil {
		t.Errorf("prune: %v", err)
	}
	mustAppend(t, s, next())
	if n := strings.Count(log.String(), "the disk is full"); n != 1 {
		t.Errorf("said %d times that the disk is full: %s", n, log.String())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fs.full.Store(false)
	open(t, opts)
	if _, err := fs.Stat("data/BALLAST"); err != nil {
		t.Errorf("the ballast is not there again: %v", err)
	}
}

// The check of a store that refuses batches returns why, until it takes one again.
func TestCheckOnFullDisk(t *testing.T) {
	fs := &tight{FS: vfs.NewMem()}
	s := open(t, Options{FS: fs, tuning: busy})
	next := batches("a", 10)
	fs.full.Store(true)
	for range 20 {
		if _, err := s.Append(t.Context(), next()); err == nil {
			t.Fatal("a batch was taken")
		}
	}
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), store.ErrFull.Error()) {
		t.Errorf("check: %v", err)
	}
	fs.full.Store(false)
	mustAppend(t, s, next())
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("check once there is room: %v", err)
	}
}
