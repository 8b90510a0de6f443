package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/atomicfile"
	"github.com/kymohq/kymo/hub/internal/store"
)

const (
	// databaseDir and journalDir are directories of the store's.
	databaseDir = "pebble"
	journalDir  = "journal"

	// identityAge is how long a silent instance is remembered: the promised 168 h, and a
	// margin in case the clock is set.
	identityAge = 170 * hourMillis
	// maxIdentities bounds how many instances are remembered: each post with an
	// idempotency key is an instance of its own.
	maxIdentities = 1 << 19
)

// Options configures a Store. The zero value is ready to use.
type Options struct {
	FS      vfs.FS           // where the directory is; the machine's disk if nil
	Now     func() time.Time // the clock; time.Now if nil
	Logger  *slog.Logger     // for damage and a failing disk; slog.Default() if nil
	MaxSize int64            // in bytes, until KeepSize is called; any if 0

	tuning tuning // defaultTuning if zero
}

// tuning holds the limits at which things happen, which tests make smaller.
type tuning struct {
	// memory is how many requests memory holds before it is flushed, and ceiling is how
	// many it may hold while it cannot be flushed.
	memory, ceiling int
	// age is how long requests stay in memory, and then in Pebble's memory, at most. At
	// low traffic, each flush makes one page of 5 min.
	age time.Duration
	// durable is how many bytes may be applied to Pebble before it is flushed.
	durable int
	// segment is how many bytes a segment of the journal may have before memory is flushed.
	segment int
	// pause is the committer's tick. After a failure, the next engine is opened a tick
	// later.
	pause time.Duration
	// ends is whether a goroutine that Pebble must not continue ends, with its locks
	// unlocked. Otherwise it waits forever, and so do those that wait for its locks, which
	// stops the time in a bubble of testing/synctest.
	ends bool
}

var defaultTuning = tuning{memory: 1 << 17, ceiling: 1 << 19, age: 5 * time.Minute, durable: 8 << 20, segment: ballastBytes / 2, pause: time.Second}

// Store is the embedded store.
type Store struct {
	fs     vfs.FS
	dir    string
	now    func() time.Time
	logger *slog.Logger
	tuning
	reckoned atomic.Int64 // Unix ms, by Reckon; 0 if it was never called
	lock     io.Closer
	reserve  atomic.Int64 // bytes of the ballast

	calls   chan *appendCall
	control chan func(*committer) // functions that the committer runs between two groups
	closing chan struct{}
	done    chan struct{} // closed when the committer has ended
	close   func() error
	cache   *pebble.Cache
	keeping sync.WaitGroup // keepLoop
	journal journal        // only the committer uses it
	retired sync.WaitGroup // engines being closed

	mu         sync.RWMutex // guards what follows
	closed     bool
	engine     *engine
	series     *seriesTable
	identities map[string]*identity
	recent     *memory
	frozen     *memory // on its way into Pebble; nil if none is
	state      state
	forgot     int64              // the floor that an engine has which could not replace this one; 0 if there is none
	damages    map[uint64]*damage // by id
	lostNow    []*damage          // those that were found since the store was opened
	unmended   error              // damage that cannot be cut out; nil if there is none
	unclosed   error              // why damage that was cut out cannot be counted; nil if it was
	failure    error              // why the engine died, until there is another; nil if it lives
	refused    error              // why the last batches were refused; nil if they were not

	mends atomic.Int64 // how often damage was cut out

	maxSize   atomic.Int64  // that the store holds itself to; 0 if any
	grown     chan struct{} // receives when it should be measured
	measuring atomic.Bool   // whether it is made smaller, but for compactions; see measure
	measured  chan struct{} // receives when measuring ends
	sizing    sync.Mutex    // held while it is made smaller; guards what follows
	sizedTo   int64         // up to which instant (Unix ms) it deleted by itself since it was asked last

	snapshots snapshots
	documents documents
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.Floorer     = (*Store)(nil)
	_ store.SizeKeeper  = (*Store)(nil)
	_ store.Checker     = (*Store)(nil)
	_ store.Loser       = (*Store)(nil)
	_ store.Timekeeper  = (*Store)(nil)
	_ store.Snapshotter = (*Store)(nil)
	_ store.Documenter  = (*Store)(nil)
)

// Open opens the store in dir, which it creates if necessary. It fails with
// store.ErrLocked if another process has it open, and with store.ErrVersion if a newer
// Kymo wrote it.
func Open(dir string, opts Options) (*Store, error) {
	s := newStore(dir, opts)
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	s.close = sync.OnceValue(s.shutdown)
	go s.commitLoop()
	s.keeping.Go(s.keepLoop)
	s.grew()
	return s, nil
}

func newStore(dir string, opts Options) *Store {
	s := &Store{fs: opts.FS, dir: dir, now: opts.Now, logger: opts.Logger, tuning: opts.tuning,
		calls: make(chan *appendCall, 64), control: make(chan func(*committer)),
		closing: make(chan struct{}), done: make(chan struct{}), grown: make(chan struct{}, 1), measured: make(chan struct{}, 1)}
	s.maxSize.Store(opts.MaxSize)
	if s.fs == nil {
		s.fs = private{vfs.Default}
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.tuning == (tuning{}) {
		s.tuning = defaultTuning
	}
	return s
}

func (s *Store) open() (err error) {
	if err := s.fs.MkdirAll(path.Join(s.dir, journalDir), 0o755); err != nil {
		return err
	}
	if s.lock, err = s.fs.Lock(path.Join(s.dir, "LOCK")); err != nil {
		return lockError(err)
	}
	s.cache = pebble.NewCache(cacheSize)
	s.removeSnapshots()
	if err = s.checkFormat(); err == nil {
		err = s.load(math.MaxInt64, 0)
		if errors.Is(classify(err), store.ErrFull) && s.releaseBallast() {
			s.logger.Warn("the disk is full; the store gave up its reserve to open", "directory", s.dir)
			err = s.load(math.MaxInt64, 0)
		}
		if errors.Is(err, errUnwritten) || err != nil && errors.Is(classify(err), store.ErrFull) {
			err = s.loadFull(err)
		}
		err = asDamage(err)
	}
	if err == nil {
		err = s.loadDocuments()
	}
	if err == nil {
		// The entries of new directories must be durable before anything in them counts.
		err = errors.Join(syncDir(s.fs, s.dir), syncDir(s.fs, s.fs.PathDir(s.dir)))
	}
	if err != nil {
		if s.engine != nil {
			s.engine.die(err)
			s.engine.fence.drain()
			s.retire(s.engine)
		}
		s.retired.Wait()
		s.cache.Unref()
		return errors.Join(err, s.lock.Close())
	}
	s.fillBallast()
	return nil
}

// lockError returns store.ErrLocked unless the file could not even be opened.
func lockError(err error) error {
	if errors.As(err, new(*fs.PathError)) {
		return err
	}
	return fmt.Errorf("%w (%w)", store.ErrLocked, err)
}

// asDamage returns store.ErrDamaged for errors that come from what is in the files, and
// others as they are: those of the disk, and of rights.
func asDamage(err error) error {
	var number syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.As(err, &number) && number != syscall.ENOENT:
		return err
	}
	return damaged(err)
}

// checkFormat reads the version of the data, or writes it into a new directory.
// It is a file of its own so that it can be read before anything else is.
func (s *Store) checkFormat() error {
	name := path.Join(s.dir, "FORMAT")
	b, err := readFile(s.fs, name)
	if err == nil {
		version, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil || version < 1 {
			return fmt.Errorf("%w: FORMAT does not hold a version", store.ErrDamaged)
		}
		if version > formatVersion {
			return fmt.Errorf("%w: its format is %d, this program's %d", store.ErrVersion, version, formatVersion)
		}
		if s.repairCutShort() {
			return fmt.Errorf("%w: a repair was cut short", store.ErrDamaged)
		}
		if version == formatVersion {
			return nil
		}
		// Older data can be read as it is. The program that wrote it cannot read what is
		// written from here on.
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	} else if names, _ := s.fs.List(path.Join(s.dir, databaseDir)); len(names) > 0 {
		return fmt.Errorf("%w: FORMAT is missing", store.ErrDamaged)
	}
	return writeFormat(s.fs, s.dir)
}

func writeFormat(fs vfs.FS, dir string) error {
	return atomicfile.Write(formatFS{fs}, path.Join(dir, "FORMAT"), fmt.Appendln(nil, formatVersion))
}

// formatFS is the store's file system, in which files are created that are replaced as a
// whole: those of the format and of the documents.
type formatFS struct{ vfs.FS }

func (f formatFS) Create(name string) (atomicfile.File, error) {
	return f.FS.Create(name, "kymo-format")
}
func (f formatFS) SyncDir(name string) error { return syncDir(f.FS, name) }

// Close flushes and closes the store.
func (s *Store) Close() error { return s.close() }

func (s *Store) shutdown() error {
	close(s.closing)
	<-s.done
	s.keeping.Wait()
	s.snapshots.end(store.ErrClosed)
	s.documents.close()
	s.mu.Lock()
	s.closed = true
	e := s.engine
	s.mu.Unlock()
	err := errors.Join(s.journal.close(), s.closeEngine(e))
	s.retired.Wait()
	s.cache.Unref()
	return errors.Join(err, s.lock.Close())
}

// closeEngine closes the engine. That a disk does not take all that is written meanwhile is
// no error: what the database lacks is in the journal.
func (s *Store) closeEngine(e *engine) error {
	err := e.close()
	if dead := e.isDead(); !dead && !errors.As(err, new(syscall.Errno)) {
		return err
	} else if dead {
		err = e.err
	}
	s.logger.Warn("the database could not be written when the store was closed; nothing that was acknowledged is lost: the journal has it, and the next start reads it",
		"directory", s.dir, "error", firstLineOf(err))
	return nil
}

// do runs f on the committer's goroutine.
func (s *Store) do(ctx context.Context, f func(*committer) error) error {
	result := make(chan error, 1)
	select {
	case s.control <- func(c *committer) { result <- f(c) }:
		return <-result
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return store.ErrClosed
	}
}

// classify wraps errors that may pass by themselves in store.ErrFull or
// store.ErrUnavailable.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
