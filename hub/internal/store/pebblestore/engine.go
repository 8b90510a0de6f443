package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// formatVersion is the version of everything in the store's directory.
	formatVersion = 5

	memTableSize = 32 << 20
	tableSize    = 2 << 20 // in the first level, and twice that in each that follows
	cacheSize    = 16 << 20
)

// engine is an open Pebble that can be abandoned.
//
// Pebble retries a failed flush or compaction at once and forever, and treats an error
// of its manifest as fatal: it calls Logger.Fatalf, with locks held, and does not
// expect it to return. So the first such error ends the engine: its file system is
// shut, dead is closed, and the store opens another one. A dead engine can still be
// read. Calls that take its locks may never return, so they go through attempt.
//
// Damage of a file is no such error: reads that meet it fail, and all else goes on.
type engine struct {
	db      *pebble.DB
	fence   *fence
	compact *scheduler
	users   sync.WaitGroup // of db; the store adds to it while this is its engine

	opened atomic.Bool // whether Pebble's Open has returned
	dead   chan struct{}
	once   sync.Once
	err    error         // why it died; read after dead is closed
	parked chan struct{} // closed when a goroutine holds its locks forever
	park   sync.Once
	ends   bool // see tuning

	maxTable int64 // bytes that its tables have at most; 0 if they may grow with the database

	damaged chan string // files in which damage was met

	totals  totals
	readers sync.Pool // of *spanReaders, whose blocks are this engine's
}

// openEngine opens the database in dir. It compacts nothing until it is allowed to.
func openEngine(fs vfs.FS, dir string, cache *pebble.Cache, ends bool, maxTable int64) (*engine, error) {
	e := newEngine(fs)
	e.ends, e.maxTable, e.fence.room = ends, maxTable, 2*tablesTogether*uint64(maxTable)
	if err := e.openListed(dir, cache, false); err != nil {
		return nil, err
	}
	return e, nil
}

// openListed opens the database unless it has tables and no list of them.
func (e *engine) openListed(dir string, cache *pebble.Cache, readOnly bool) error {
	if err := checkListed(e.fence.FS, dir); err != nil {
		return err
	}
	opts := e.options()
	opts.Cache, opts.ReadOnly = cache, readOnly
	err := e.open(dir, opts)
	if err != nil {
		e.fence.drain()
	}
	return err
}

// open opens the database. After an error the engine is dead.
func (e *engine) open(dir string, opts *pebble.Options) error {
	err := e.attempt(func() (err error) {
		if e.db, err = pebble.Open(dir, opts); err == nil {
			e.opened.Store(true)
		}
		return err
	})
	if err != nil {
		e.die(err)
		return fmt.Errorf("open the database: %w", err)
	}
	return nil
}

// newEngine returns an engine without a database.
func newEngine(fs vfs.FS) *engine {
	e := &engine{fence: &fence{FS: fs}, compact: newScheduler(), dead: make(chan struct{}), parked: make(chan struct{}),
		damaged: make(chan string, 64)}
	e.fence.fatal = e.fatal
	return e
}

// options returns how databases are opened.
func (e *engine) options() *pebble.Options {
	opts := &pebble.Options{
		FS:                          e.fence,
		Merger:                      pageMerger,
		DisableWAL:                  true,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: 4,
		L0StopWritesThreshold:       1000,
		MaxManifestFileSize:         1 << 20, // of those that hold more than what is in use
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      engineLogger{e},
		EventListener:               &pebble.EventListener{BackgroundError: e.failed, DataCorruption: e.corrupt},
		CompactionConcurrencyRange:  func() (int, int) { return 1, 1 },
	}
	opts.Experimental.CompactionScheduler = e.compact
	for i := range opts.TargetFileSizes {
		if size := int64(tableSize << i); e.maxTable > 0 {
			opts.TargetFileSizes[i] = min(size, e.maxTable)
		}
	}
	opts.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return compression })
	return opts
}

// compression is Pebble's balanced one, with zstd for keys and small values also in the last
// level but one: pages stay there as long as they are being merged.
var compression = func() pebble.DBCompressionSettings {
	c := pebble.DBCompressionBalanced
	c.Levels[len(c.Levels)-2] = c.Levels[len(c.Levels)-1]
	return c
}()

// checkListed returns an error if there are tables and nothing that lists them: Pebble
// would take the directory for a new one, and delete them.
func checkListed(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return nil //nolint:nilerr // it is a new one
	}
	isTable := func(name string) bool { return strings.HasSuffix(name, tableSuffix) }
	isMarker := func(name string) bool { return strings.HasPrefix(name, "marker.manifest") }
	if slices.ContainsFunc(names, isTable) && !slices.ContainsFunc(names, isMarker) {
		return errors.New("open the database: the file that names its list of tables is missing")
	}
	return nil
}

// apply writes a batch, which is then visible but not yet durable. After an error the
// engine is dead, and the batch may still become visible in it.
func (e *engine) apply(b *pebble.Batch) error {
	err := e.attempt(func() error { return e.db.Apply(b, pebble.NoSync) })
	if err != nil {
		e.die(err)
	}
	return err
}

// attempt runs f, which may go on, or never return, once the engine is dead. So what f
// sets is valid only if there is no error.
func (e *engine) attempt(f func() error) error {
	done := make(chan error, 1)
	e.users.Go(func() {
		defer func() {
			if p := recover(); p != nil { // Pebble trusts what it reads
				done <- fmt.Errorf("the database failed: %v", p)
			}
		}()
		done <- f()
	})
	select {
	case err := <-done:
		return err
	case <-e.dead:
		return e.err
	}
}

func (e *engine) isDead() bool {
	select {
	case <-e.dead:
		return true
	default:
		return false
	}
}

// release ends a reader's use of the engine.
func (e *engine) release() { e.users.Done() }

// failed receives the errors of flushes and compactions. A compaction that met damage would
// be tried again at once and forever, so there are none for a while. A flush that Open waits
// for ends here: Pebble would try it again forever, and Open would never return.
func (e *engine) failed(err error) {
	if pebble.IsCorruptionError(err) {
		e.compact.pause()
		return
	}
	if !e.opened.Load() {
		e.fatal(err)
	}
	e.die(err)
}

// corrupt receives damage. Its readers get an error, so that a report that
// finds no room is made again.
func (e *engine) corrupt(info pebble.DataCorruptionInfo) {
	select {
	case e.damaged <- info.Path:
	default:
	}
}

func (e *engine) die(err error) {
	e.once.Do(func() {
		e.compact.forbid()
		e.fence.shut.Store(true)
		e.err = err
		close(e.dead)
	})
}

// flush makes what was applied durable.
func (e *engine) flush() error {
	var flushed <-chan struct{}
	err := e.attempt(func() (err error) {
		flushed, err = e.db.AsyncFlush()
		return err
	})
	if err != nil {
		return err
	}
	select {
	case <-flushed:
		return nil
	case <-e.dead:
		return e.err
	}
}

// close closes the database when no query reads it. A database with a parked goroutine
// cannot be closed.
func (e *engine) close() error {
	done := make(chan error, 1)
	go func() {
		e.users.Wait()
		if e.db == nil || e.isParked() {
			done <- e.err
			return
		}
		done <- e.db.Close()
	}()
	select {
	case err := <-done:
		return err
	case <-e.parked:
		return e.err
	}
}

func (e *engine) isParked() bool {
	select {
	case <-e.parked:
		return true
	default:
		return false
	}
}

// engineLogger discards Pebble's messages; a fatal one ends the engine.
type engineLogger struct{ e *engine }

func (engineLogger) Infof(string, ...any)  {}
func (engineLogger) Errorf(string, ...any) {}

// Fatalf never returns: Pebble would continue in a state that it knows to be wrong.
func (l engineLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	for _, a := range args {
		if cause, ok := a.(error); ok {
			err = fmt.Errorf("%w: %w", err, cause)
		}
	}
	l.e.fatal(err)
}

// fatal ends the engine and never returns. It keeps the locks that its caller holds.
func (e *engine) fatal(err error) {
	e.die(err)
	e.park.Do(func() { close(e.parked) })
	if e.ends {
		runtime.Goexit()
	}
	select {}
}

// state is what the store must know when it opens.
type state struct {
	segment  uint64 // the last segment of the journal that is in Pebble
	number   uint64 // of the last block
	floor    int64  // everything before was pruned, Unix ms
	floor10s int64  // pages of 10 s are complete from here on, Unix ms
}

func (s *state) encode() []byte {
	b := binary.AppendUvarint(nil, s.segment)
	b = binary.AppendUvarint(b, s.number)
	b = binary.AppendUvarint(b, uint64(s.floor))
	return binary.AppendUvarint(b, uint64(s.floor10s))
}

func decodeState(b []byte) (state, error) {
	c := cursor{b: b}
	s := state{c.uvarint(), c.uvarint(), int64(c.uvarint()), int64(c.uvarint())}
	if c.bad || len(c.b) > 0 {
		return state{}, errors.New("pebblestore: corrupt state")
	}
	return s, nil
}

// state reads the state; it is empty in a new database.
func (e *engine) state() (state, error) {
	var found state
	err := e.attempt(func() error {
		b, err := e.get(keyState)
		if err == nil && b != nil {
			found, err = decodeState(b)
		}
		return err
	})
	if err != nil {
		return state{}, err
	}
	return found, nil
}

// get returns a copy of a key's value, or nil if there is none.
func (e *engine) get(key []byte) ([]byte, error) {
	v, closer, err := e.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return append([]byte{}, v...), closer.Close()
}

// scan calls f with each key that begins with the prefix.
func (e *engine) scan(prefix byte, f func(key, value []byte) error) (err error) {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if err := f(it.Key(), value); err != nil {
			return err
		}
	}
	return it.Error()
}
