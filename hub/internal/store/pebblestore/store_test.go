package pebblestore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// busy makes everything that usually takes minutes happen with every few batches.
var busy = tuning{memory: 300, ceiling: 2000, age: time.Hour, durable: 20_000, segment: 1 << 20, pause: time.Millisecond}

var claims = storetest.Abilities{Floorer: true, Sizer: true, SizeKeeper: true, Timekeeper: true, Checker: true, Loser: true, Snapshotter: true, Documenter: true}

func TestConformance(t *testing.T) {
	tunings := map[string]tuning{"busy": busy, "default": defaultTuning}
	if testing.Short() {
		delete(tunings, "default") // Where all happens often, the race detector sees more.
	}
	for name, tuning := range tunings {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, claims, func(t testing.TB) storetest.Engine {
				fs := vfs.NewMem()
				return storetest.Engine{
					Open: func(t testing.TB) store.Store { return open(t, Options{FS: fs, tuning: tuning}) },
					Restore: func(t testing.TB, s store.Snapshot) store.Store {
						return open(t, Options{FS: restore(t, s), tuning: tuning})
					},
				}
			})
		})
	}
}

func TestConformanceOnDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("the same is tested in memory; make test-long runs it on the disk")
	}
	storetest.Run(t, claims, func(t testing.TB) storetest.Engine {
		dir := t.TempDir()
		return storetest.Engine{
			Open: func(t testing.TB) store.Store {
				s, err := Open(dir, Options{})
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
			Restore: func(t testing.TB, s store.Snapshot) store.Store { return open(t, Options{FS: restore(t, s)}) },
		}
	})
}

// open opens a store in the file system's directory "data", to be closed with the test.
func open(t testing.TB, opts Options) *Store {
	t.Helper()
	s, err := Open("data", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var everything = rollup.Window{From: 0, To: 1 << 50}

// batches makes numbered batches of one instance, of n requests around now.
func batches(instance string, n int) func() *wire.Batch {
	r := rand.New(rand.NewPCG(uint64(n), uint64(len(instance))))
	sequence := uint64(0)
	return func() *wire.Batch {
		b := wire.NewBuilder()
		for range n {
			b.Add(&wire.Request{
				Key:      wire.Key{Service: "shop", Endpoint: fmt.Sprintf("/e%d", r.IntN(20)), Method: "GET", Status: 200 + r.IntN(3)*150},
				User:     fmt.Sprint("user-", r.IntN(100)),
				Start:    storetest.Noon - r.Int64N(3*hourMillis),
				Duration: time.Duration(r.ExpFloat64() * 2e7),
			})
		}
		sequence++
		return b.Batch(instance, sequence)
	}
}

func mustAppend(t testing.TB, s store.Store, b *wire.Batch) {
	t.Helper()
	if _, err := s.Append(t.Context(), b); err != nil {
		t.Fatalf("append: %v", err)
	}
}

// equal fails the test unless the store and the oracle answer alike.
func equal(t testing.TB, s, oracle store.Store) {
	t.Helper()
	got, want := storetest.Rollups(t, s, store.RollupQuery{Window: everything}), storetest.Rollups(t, oracle, store.RollupQuery{Window: everything})
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("rollups differ:\n got %d lines %.3000s\nwant %d lines %.3000s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
	n, m := 0, 0
	for _, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	for range oracle.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		m++
	}
	if n != m {
		t.Fatalf("%d requests, want %d", n, m)
	}
	q := store.HealthQuery{Window: everything}
	if got, want := storetest.Health(t, s, q), storetest.Health(t, oracle, q); !slices.Equal(got, want) {
		t.Fatalf("%d health results, want %d", len(got), len(want))
	}
}

func writeFile(t testing.TB, fs vfs.FS, name, content string) {
	t.Helper()
	f, err := fs.Create(name, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// awaitTurn waits for a tick of the committer.
func awaitTurn(t testing.TB, s *Store) {
	t.Helper()
	if err := s.do(t.Context(), func(*committer) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// blocks counts the blocks in Pebble.
func blocks(t testing.TB, s *Store) (n int) {
	t.Helper()
	s.mu.RLock()
	e := s.engine
	s.mu.RUnlock()
	if err := e.scan(prefixBlock, func(_, _ []byte) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func journalOf(t testing.TB, fs vfs.FS) []uint64 {
	t.Helper()
	numbers, err := segments(fs, "data/journal")
	if err != nil {
		t.Fatal(err)
	}
	return numbers
}
