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
}

// fill makes a store of several files.
func fill(t testing.TB) stored {
	t.Helper()
	d := stored{vfs.NewCrashableMem(), storetest.NewOracle()}
	s := open(t, Options{FS: d.fs, Now: afternoon, tuning: busy})
	for _, instance := range []string{"a", "b"} {
		next := spread(instance, 200)
		for range 15 {
			b := next()
			mustAppend(t, s, b)
			mustAppend(t, d.oracle, b)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

// copy returns a copy of the directory.
func (d stored) copy() *vfs.MemFS { return d.fs.CrashClone(vfs.CrashCloneCfg{}) }

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

// flip changes a bit of a file.
func flip(t testing.TB, fs vfs.FS, name string, at int, bit byte) {
	t.Helper()
	b, err := readFile(fs, name)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= bit
	writeFile(t, fs, name, string(b))
}

// TestFlippedBit flips a bit of one of Pebble's files. The store answers with what is not
// damaged, and says how much is lost.
func TestFlippedBit(t *testing.T) {
	d := fill(t)
	for seed := range uint64(storetest.Volume(60)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 5))
			fs := d.copy()
			files := filesLike(t, fs, "data/pebble", ".sst")
			name := files[r.IntN(len(files))]
			size, err := fs.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			flip(t, fs, name, r.IntN(int(size.Size())), 1<<r.IntN(8))
			var log strings.Builder
			opts := Options{FS: fs, Now: afternoon, tuning: busy, Logger: slog.New(slog.NewTextHandler(&log, nil))}
			s, err := Open("data", opts)
			if errors.Is(err, store.ErrDamaged) {
				return // to be repaired
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			got := d.check(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, opts)
			if again := d.check(t, s); !slices.Equal(got, again) {
				t.Errorf("%d requests once reopened, %d before", len(again), len(got))
			}
			if t.Failed() {
				t.Log(log.String())
			}
		})
	}
}

// check compares a store that was damaged with what was in it, and returns its requests:
// what it does not have is in the spans of time that it says are damaged, and as much as
// it says. It still knows every batch, and takes new ones.
func (d stored) check(t *testing.T, s *Store) []string {
	t.Helper()
	kept := make(map[string]int)
	var got []string
	for tries := 0; ; tries++ { // what meets damage fails once, and then no more
		var err error
		if got, err = read(t, s); err == nil {
			break
		}
		if !errors.Is(err, store.ErrDamaged) || tries > 20 {
			t.Fatal(err)
		}
		if s.unmended != nil {
			t.Skip("to be repaired: ", s.Check(t.Context()))
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
		if !s.Lost(rollup.Window{From: r.Start, To: r.Start + 1}).Damaged {
			t.Errorf("a request at %d is missing, where nothing is damaged", r.Start)
			break
		}
	}
	known := true
	for _, x := range s.damages {
		known = known && x.known
	}
	if l := s.Lost(everything); known && l.Requests != uint64(lost) {
		t.Errorf("%d requests are missing, and it says %d", lost, l.Requests)
	}
	rolled := uint64(0)
	for r, err := range s.Rollups(t.Context(), store.RollupQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		rolled += r.Durations.Count()
	}
	if total := uint64(len(got) + lost); rolled > total || rolled < uint64(len(got)) || known && rolled != total {
		t.Errorf("the rollups have %d requests, of %d stored and %d left", rolled, total, len(got))
	}
	for _, instance := range []string{"a", "b"} {
		next := spread(instance, 200)
		for range 15 {
			if fresh, err := s.Append(t.Context(), next()); err != nil || fresh[0] {
				t.Fatalf("a batch that was stored: new %v, %v", fresh, err)
			}
		}
	}
	return got
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
