package pebblestore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/racetest"
	"github.com/kymohq/kymo/internal/wire"
)

// limited is a disk with little room.
type limited struct {
	vfs.FS
	left atomic.Int64
}

// newLimited limits a disk to so many bytes, of which its files take some. It has at least
// left: the files that a power failure brings back, since their removal was not durable, had
// kept their room until then.
func newLimited(t testing.TB, fs vfs.FS, size, left int64) *limited {
	l := &limited{FS: fs}
	l.left.Store(max(size-taken(t, fs, "data"), left))
	return l
}

// taken returns how many bytes the files of a directory take.
func taken(t testing.TB, fs vfs.FS, dir string) (bytes int64) {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		return 0
	}
	for _, name := range names {
		name = fs.PathJoin(dir, name)
		info, err := fs.Stat(name)
		switch {
		case errors.Is(err, os.ErrNotExist): // just removed
		case err != nil:
			t.Fatal(err)
		case info.IsDir():
			bytes += taken(t, fs, name)
		default:
			bytes += info.Size()
		}
	}
	return bytes
}

func (l *limited) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: uint64(max(0, l.left.Load()))}, nil
}

func (l *limited) size(name string) int64 {
	if info, err := l.FS.Stat(name); err == nil {
		return info.Size()
	}
	return 0
}

func (l *limited) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if l.left.Load() <= 0 {
		return nil, syscall.ENOSPC
	}
	before := l.size(name)
	f, err := l.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	l.left.Add(before)
	return &limitedFile{f, l}, nil
}

func (l *limited) Remove(name string) error {
	size := l.size(name)
	err := l.FS.Remove(name)
	if err == nil {
		l.left.Add(size)
	}
	return err
}

func (l *limited) Rename(old, name string) error {
	size := l.size(name)
	err := l.FS.Rename(old, name)
	if err == nil {
		l.left.Add(size)
	}
	return err
}

type limitedFile struct {
	vfs.File
	disk *limited
}

func (f *limitedFile) Write(b []byte) (int, error) {
	if f.disk.left.Add(-int64(len(b))) < 0 {
		f.disk.left.Add(int64(len(b)))
		return 0, syscall.ENOSPC
	}
	return f.File.Write(b)
}

// fillTuning is busy with a memory that a full disk can fill.
var fillTuning = tuning{memory: 2000, ceiling: 200_000, age: time.Hour, durable: 200_000, segment: 100_000, pause: 20 * time.Millisecond}

// crowd makes batches of requests that started in the 160 hours before an instant, whose
// users cannot be compressed well.
type crowd struct {
	r        *rand.Rand
	sequence uint64
}

func (c *crowd) next(now int64) *wire.Batch {
	b := wire.NewBuilder()
	for range 500 {
		b.Add(&wire.Request{
			Key:      wire.Key{Service: "fill", Endpoint: fmt.Sprintf("/e%d", c.r.IntN(5)), Method: "GET", Status: 200},
			User:     fmt.Sprintf("%016x%016x%016x", c.r.Uint64(), c.r.Uint64(), c.r.Uint64()),
			Start:    now - c.r.Int64N(160*hourMillis),
			Duration: time.Duration(c.r.ExpFloat64() * 2e7),
		})
	}
	c.sequence++
	return b.Batch("crowd", c.sequence)
}

// equalKept fails the test unless the store answers like the oracle for what its floor
// leaves.
func equalKept(t *testing.T, s *Store, oracle *storetest.Oracle) {
	t.Helper()
	w := rollup.Window{From: s.Floor(), To: everything.To}
	got, want := storetest.Rollups(t, s, store.RollupQuery{Window: w}), storetest.Rollups(t, oracle, store.RollupQuery{Window: w})
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("rollups differ:\n got %d lines %.3000s\nwant %d lines %.3000s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
	if got, want := countRequests(t, s, w), countRequests(t, oracle, w); got != want {
		t.Fatalf("%d requests, want %d", got, want)
	}
}

func countRequests(t *testing.T, s store.Store, w rollup.Window) (n int) {
	t.Helper()
	for _, err := range s.Requests(t.Context(), store.RequestQuery{Window: w}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// TestFullDisk fills a disk, cuts the power or stops the store, opens it again and prunes
// it, again and again: it answers all the time for all that it acknowledged, and takes
// batches again once something is old enough to be forgotten.
func TestFullDisk(t *testing.T) {
	racetest.LeaveToLong(t)
	for seed := range uint64(storetest.Volume(6)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			mem, size := vfs.NewCrashableMem(), int64(3+r.IntN(4))<<20
			oracle, c := storetest.NewOracle(), &crowd{r: r}
			var clock atomic.Int64
			clock.Store(storetest.Noon)
			left := int64(0)
			for life := range 2 + storetest.Volume(2) {
				disk := newLimited(t, mem, size, left)
				s := open(t, Options{FS: disk, tuning: fillTuning, Now: func() time.Time { return time.UnixMilli(clock.Load()) }})
				equalKept(t, s, oracle)
				if life > 0 {
					clock.Store(prunedUntilTaken(t, s, oracle, c, disk, clock.Load()))
				}
				fillUp(t, s, oracle, c, clock.Load())
				equalKept(t, s, oracle)
				left = disk.left.Load()
				after := mem
				if r.IntN(3) > 0 {
					after = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				mem = after
			}
			equalKept(t, open(t, Options{FS: mem, tuning: fillTuning}), oracle)
		})
	}
}

// fillUp appends until the store has refused batches for a while.
func fillUp(t *testing.T, s *Store, oracle *storetest.Oracle, c *crowd, now int64) {
	t.Helper()
	refused := 0
	for n := 0; refused < 20; n++ {
		if n == 5000 {
			t.Fatal("the disk does not become full")
		}
		b := c.next(now)
		if _, err := s.Append(t.Context(), b); err != nil {
			refused++
			continue
		}
		mustAppend(t, oracle, b)
	}
}

// prunedUntilTaken prunes by a clock that goes on, hour by hour, until the store takes
// batches again.
func prunedUntilTaken(t *testing.T, s *Store, oracle *storetest.Oracle, c *crowd, disk *limited, now int64) int64 {
	t.Helper()
	var last error
	for hour := range int64(160) {
		before := now + (hour-150)*hourMillis
		if err := s.Prune(t.Context(), before); err != nil {
			last = err
			continue // there is not enough that is so old
		}
		if s.Floor() != before/hourMillis*hourMillis {
			t.Fatalf("pruned before %d, the floor is %d", before, s.Floor())
		}
		b := c.next(now)
		if _, err := s.Append(t.Context(), b); err == nil {
			mustAppend(t, oracle, b)
			return now + hour*hourMillis
		}
	}
	t.Fatalf("nothing makes room: %v; left %d, floor %d", last, disk.left.Load(), (now-s.Floor())/hourMillis)
	return 0
}
