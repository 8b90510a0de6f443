package pebblestore

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/racetest"
	"github.com/kymohq/kymo/internal/wire"
)

// afternoon is the clock of the tests that damage a store: an hour after its last request.
func afternoon() time.Time { return time.UnixMilli(storetest.Noon + hourMillis) }

// spread makes numbered batches of one instance, of n requests in the twelve hours
// before noon, each with a health result.
func spread(instance string, n int) func() *wire.Batch {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	sequence := uint64(0)
	return func() *wire.Batch {
		b := wire.NewBuilder()
		for range n {
			b.Add(&wire.Request{
				Key:      wire.Key{Service: "shop", Endpoint: fmt.Sprintf("/e%d", r.IntN(20)), Method: "GET", Status: 200 + r.IntN(3)*150},
				User:     fmt.Sprint("user-", r.IntN(100)),
				Start:    storetest.Noon - r.Int64N(12*hourMillis),
				Duration: time.Duration(1 + r.Int64N(1e9)),
			})
		}
		sequence++
		made := b.Batch(instance, sequence)
		at := storetest.Noon - r.Int64N(12*hourMillis)
		made.Health = []wire.HealthResult{{Service: "shop", Check: instance, Status: health.Healthy, From: at, To: at + 1000}}
		return made
	}
}

// stored is a closed store and what it holds.
type stored struct {
	fs     *vfs.MemFS
	oracle *storetest.Oracle
	forgot bool // a repair has said that batches which were stored may be new again
	many   bool // several files are damaged, so that requests may be missing from rollups, too
}

// fill makes a store of several files.
func fill(t testing.TB) stored {
	t.Helper()
	d := stored{fs: vfs.NewCrashableMem(), oracle: storetest.NewOracle()}
	s := open(t, Options{FS: d.fs, Now: afternoon, tuning: busy})
	for _, instance := range []string{"a", "b"} {
		next := spread(instance, 200)
		for i := range 15 {
			b := next()
			mustAppend(t, s, b)
			mustAppend(t, d.oracle, b)
			if i%5 == 0 { // on a busy machine it may not be flushed before the end
				if err := s.do(t.Context(), (*committer).settle); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	// The power fails while the last batches are in the journal alone.
	d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

// copy returns a copy of the directory.
func (d *stored) copy() *vfs.MemFS { return d.fs.CrashClone(vfs.CrashCloneCfg{}) }

// filesLike returns the files of the store's directory whose name contains a text.
func filesLike(t testing.TB, fs vfs.FS, dir, text string) (names []string) {
	t.Helper()
	list, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list {
		if strings.Contains(name, text) {
			names = append(names, path.Join(dir, name))
		}
	}
	slices.Sort(names)
	return names
}

// harms are the ways in which a file is damaged, at a place of it.
var harms = map[string]func(b []byte, at int, r *rand.Rand) []byte{
	"flip":     func(b []byte, at int, r *rand.Rand) []byte { b[at] ^= 1 << r.IntN(8); return b },
	"zero":     func(b []byte, at int, r *rand.Rand) []byte { clear(b[at:min(at+4096, len(b))]); return b },
	"truncate": func(b []byte, at int, _ *rand.Rand) []byte { return b[:at] },
	"delete":   func([]byte, int, *rand.Rand) []byte { return nil },
}

// kinds are the kinds of files of a store, by directory and a part of their names.
var kinds = []struct{ name, dir, like string }{
	{"table", "data/pebble", ".sst"},
	{"manifest", "data/pebble", "MANIFEST"},
	{"options", "data/pebble", "OPTIONS"},
	{"marker", "data/pebble", "marker"},
	{"log", "data/pebble", ".log"},
	{"format", "data", "FORMAT"},
	{"journal", "data/journal", ".journal"},
}

// TestDamage damages each kind of file in many ways. The store opens, or its repair makes
// it usable; it answers with all that was not damaged, counts the missing ones, knows the
// batches that it stored, takes new ones, and ends.
func TestDamage(t *testing.T) {
	racetest.LeaveToLong(t)
	d := fill(t)
	seeds := uint64(25)
	if testing.Short() {
		seeds = 1 // of each kind and harm: the race detector sees nothing new in others
	}
	for _, kind := range kinds {
		for how, harm := range harms {
			for seed := range seeds {
				t.Run(fmt.Sprint(kind.name, " ", how, " ", seed), func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 5))
					fs := d.copy()
					files := filesLike(t, fs, kind.dir, kind.like)
					if len(files) == 0 {
						t.Fatal("there is no such file")
					}
					name := files[r.IntN(len(files))]
					b, err := readFile(fs, name)
					if err != nil {
						t.Fatal(err)
					}
					at := 0
					if len(b) > 0 {
						at = r.IntN(len(b))
					} else if how != "delete" {
						return // it has nothing to damage
					}
					if b = harm(b, at, r); b == nil {
						err = fs.Remove(name)
					} else {
						writeFile(t, fs, name, string(b))
					}
					if err != nil {
						t.Fatal(err)
					}
					// Of the newest segment, nothing tells how long it was; and the time of what was
					// in the journal is a guess.
					d.use(t, fs, kind.name == "journal")
				})
			}
		}
	}
}

// use opens a damaged store, after a repair if that is necessary, and checks it.
func (d *stored) use(t *testing.T, fs *vfs.MemFS, torn bool) *stored {
	d = &stored{fs: fs, oracle: d.oracle, forgot: d.forgot, many: d.many} // a repair is of one directory
	var log strings.Builder
	opts := Options{FS: fs, Now: afternoon, tuning: busy, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.String())
		}
	})
	s, err := Open("data", opts)
	if errors.Is(err, store.ErrVersion) {
		return d // one bit makes a version that is to come, which is left alone
	}
	if err != nil {
		s = d.repaired(t, opts, err)
	}
	got, mended := d.check(t, s, torn)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !mended {
		s = d.repaired(t, opts, store.ErrDamaged)
		if got, mended = d.check(t, s, torn); !mended {
			t.Error("it is damaged once it was repaired")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, opts)
	if again, _ := d.check(t, s, torn); !slices.Equal(got, again) {
		t.Errorf("%d requests once reopened, %d before", len(again), len(got))
	}
	if found, err := Inspect("other", opts); err == nil {
		t.Errorf("what is no store has damage: %v", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

// repaired repairs a store that cannot be opened.
func (d *stored) repaired(t *testing.T, opts Options, why error) *Store {
	t.Helper()
	if !errors.Is(why, store.ErrDamaged) || strings.Contains(why.Error(), "\n") {
		t.Fatalf("it does not open: %v", why)
	}
	found, err := Inspect("data", opts)
	if err != nil || len(found.Damage) == 0 {
		t.Fatalf("inspect: %+v, %v, and it does not open: %v", found, err, why)
	}
	done, err := Repair("data", opts)
	if err != nil {
		t.Fatalf("repair: %v", err)
	}
	if slices.Sort(done.Damage); !slices.Equal(slices.Sorted(slices.Values(found.Damage)), done.Damage) {
		t.Errorf("the repair found %q, and the inspection %q", done.Damage, found.Damage)
	}
	d.forgot = d.forgot || strings.Contains(done.Lost, "which batches were stored")
	for _, name := range done.Aside {
		if _, err := opts.FS.Stat("data/" + name); err != nil {
			t.Errorf("put aside: %v", err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%+v", done)
		}
	})
	s := open(t, opts)
	if again, err := Inspect("data", opts); !errors.Is(err, store.ErrLocked) {
		t.Errorf("inspected while it is open: %+v, %v", again, err)
	}
	return s
}

// check compares a store that was damaged with what was in it, and returns its requests,
// and whether all damage that reading it met was cut out. What it does not have is in the
// spans of time that it says are damaged, and as much as it says; of a torn journal the
// last records are missing silently. It still knows the batches, and takes new ones.
func (d *stored) check(t *testing.T, s *Store, torn bool) (got []string, mended bool) {
	kept := make(map[string]int)
	for tries := 0; ; tries++ { // what meets damage fails once, and then no more
		var err error
		if got, err = read(t, s); err == nil {
			break
		}
		if !errors.Is(err, store.ErrDamaged) || tries > 20 {
			t.Fatal(err)
		}
		if s.unmended != nil {
			return got, false
		}
	}
	for _, r := range got {
		kept[r]++
	}
	lost := 0
	for r := range d.oracle.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if kept[line(r)]--; kept[line(r)] >= 0 {
			continue
		}
		lost++
		if !torn && !s.Lost(rollup.Window{From: r.Start, To: r.Start + 1}).Damaged {
			t.Errorf("a request at %d is missing, where nothing is damaged", r.Start)
			break
		}
	}
	known := true
	for _, x := range s.damages {
		known = known && x.known
	}
	if l := s.Lost(everything); known && !torn && l.Requests != uint64(lost) || l.Requests > uint64(lost) {
		t.Errorf("%d requests are missing, and it says %d", lost, l.Requests)
	}
	rolled := uint64(0)
	for r, err := range s.Rollups(t.Context(), store.RollupQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		rolled += r.Durations.Count()
	}
	if total := uint64(len(got) + lost); rolled > total || rolled < uint64(len(got)) || known && !torn && !d.many && rolled != total {
		t.Errorf("the rollups have %d requests, of %d stored and %d left", rolled, total, len(got))
	}
	if lost == 0 && !d.forgot {
		for _, instance := range []string{"a", "b"} {
			next := spread(instance, 200)
			for range 15 {
				if fresh, err := s.Append(t.Context(), next()); err != nil || fresh[0] {
					t.Fatalf("a batch that was stored: new %v, %v", fresh, err)
				}
			}
		}
	}
	late := wire.NewBuilder() // it counts for nothing: the store has it already from the second time on
	late.AddDrop(wire.Drop{Service: "shop", At: storetest.Noon, Count: 1})
	if _, err := s.Append(t.Context(), late.Batch("late", 1)); err != nil {
		t.Fatalf("a new batch: %v", err)
	}
	return got, true
}

func line(r *store.Record) string { return fmt.Sprint(*r) }

// read reads all requests, rollups and health results.
func read(t testing.TB, s store.Store) (requests []string, err error) {
	t.Helper()
	for r, e := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if err = errors.Join(err, e); e == nil {
			requests = append(requests, line(r))
		}
	}
	for _, e := range s.Rollups(t.Context(), store.RollupQuery{Window: everything}) {
		err = errors.Join(err, e)
	}
	for _, e := range s.Health(t.Context(), store.HealthQuery{Window: everything}) {
		err = errors.Join(err, e)
	}
	return requests, err
}

// The beginning of a table is damaged, which is always a block that is read.
func TestDamageOfEachTable(t *testing.T) {
	d := fill(t)
	tables := filesLike(t, d.fs, "data/pebble", ".sst")
	if len(tables) == 0 {
		t.Fatal("there is no table")
	}
	for _, name := range tables {
		fs := d.copy()
		b, err := readFile(fs, name)
		if err != nil {
			t.Fatal(err)
		}
		clear(b[:min(16, len(b))])
		writeFile(t, fs, name, string(b))
		d.use(t, fs, false)
	}
}
