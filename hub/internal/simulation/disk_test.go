package simulation

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// disk is a disk in memory that can fail, and on which the power can fail.
type disk struct {
	mem *vfs.MemFS

	mu      sync.Mutex
	r       *rand.Rand
	faults  []*fault
	slow    time.Duration       // of an operation on the journal, at most
	drag    func(time.Duration) // called at each other operation that writes, if the disk is slow
	errors  int                 // of faults, so far
	cut     int                 // the power fails at this operation that writes, counted down; 0 is never
	percent int                 // of what was not synced, that is there after the power failed
	after   *vfs.MemFS          // what the power failure left; nil until then
}

// fault makes operations fail.
type fault struct {
	err   syscall.Errno
	kinds string // of operations: "write", "sync", "change" or "all" of these
	files string // a part of their names
	skip  int    // the first of these operations work
	times int    // so many fail; all if it is negative
}

func (f *fault) String() string {
	times := "always"
	if f.times >= 0 {
		times = fmt.Sprintf("%d times", f.times)
	}
	return fmt.Sprintf("%s: %s of %q, after %d, %s", f.err, f.kinds, f.files, f.skip, times)
}

// kindOf returns the kind of an operation, or "" if it only reads.
func kindOf(op errorfs.OpKind) string {
	switch op {
	case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpCreate, errorfs.OpMkdirAll, errorfs.OpFilePreallocate:
		return "write"
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpFileFlush:
		return "sync"
	case errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpRename, errorfs.OpLink, errorfs.OpReuseForWrite:
		return "change"
	}
	return ""
}

func (f *fault) hits(kind string, path string) bool {
	if kind == "" || f.kinds != "all" && f.kinds != kind || !strings.Contains(path, f.files) || f.times == 0 {
		return false
	}
	if f.skip > 0 {
		f.skip--
		return false
	}
	if f.times > 0 {
		f.times--
	}
	return true
}

// newDisk returns a disk with what is on another, in working order.
func newDisk(mem *vfs.MemFS, seed uint64) *disk {
	return &disk{mem: mem, r: rand.New(rand.NewPCG(seed, 5))}
}

// fs returns the file system of the disk.
func (d *disk) fs() vfs.FS { return errorfs.Wrap(d.mem, errorfs.InjectorFunc(d.operate)) }

// operate is called before each operation.
func (d *disk) operate(op errorfs.Op) error {
	kind := kindOf(op.Kind)
	if kind == "" || strings.HasSuffix(op.Path, "LOCK") {
		return nil
	}
	wait, err := d.judge(kind, op.Path)
	// Only the goroutine that writes the journal sleeps: it holds no lock for which another
	// one could wait, and which would keep the time from passing.
	time.Sleep(wait)
	return err
}

func (d *disk) judge(kind, path string) (wait time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut > 0 {
		if d.cut--; d.cut == 0 {
			d.crash()
		}
	}
	if d.slow > 0 {
		if strings.HasSuffix(path, ".journal") && kind != "change" {
			wait = time.Duration(d.r.Int64N(int64(d.slow)))
		} else {
			d.drag(time.Duration(d.r.Int64N(int64(50 * time.Millisecond))))
		}
	}
	for _, f := range d.faults {
		if f.hits(kind, path) {
			d.errors++
			return wait, f.err
		}
	}
	return wait, nil
}

// crash keeps what would be on the disk if the power failed now. d.mu must be held.
func (d *disk) crash() {
	if d.after == nil {
		d.after = d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: d.percent, RNG: d.r})
	}
}

// crashed reports whether the power has failed.
func (d *disk) crashed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.after != nil
}

// cutPower has the power fail at an operation from now on, or now if that is 0.
func (d *disk) cutPower(at, percent int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut, d.percent = at, percent
	if at == 0 {
		d.crash()
	}
}

// afterCrash returns what the power failure left. If it has not come yet, it comes now.
func (d *disk) afterCrash() *vfs.MemFS {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = 0
	d.crash()
	return d.after
}

// fail adds a fault.
func (d *disk) fail(f *fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, f)
}

// slowDown makes the disk slow.
func (d *disk) slowDown(most time.Duration, drag func(time.Duration)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow, d.drag = most, drag
}

// heal puts the disk in working order.
func (d *disk) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.slow = nil, 0
}

// failed returns how many operations have failed.
func (d *disk) failed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.errors
}

// breakDisk has some operations fail from now on.
func (w *world) breakDisk() {
	pick := func(from ...string) string { return from[w.r.IntN(len(from))] }
	f := &fault{err: syscall.EIO, kinds: pick("write", "sync", "sync", "change", "all"),
		files: pick("", "journal", "journal", "pebble/", ".sst", "MANIFEST", "marker"), skip: w.r.IntN(6), times: 1 + w.r.IntN(3)}
	if w.r.IntN(3) == 0 {
		f.err = full
	}
	if w.r.IntN(2) == 0 {
		f.times = -1
	}
	w.notef("  %s", f)
	w.disk.fail(f)
}

const full = syscall.ENOSPC
