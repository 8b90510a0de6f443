package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// snapshot returns a snapshot of the pair's store, which is closed with the test.
func (p *pair) snapshot(t testing.TB) store.Snapshot {
	t.Helper()
	s, err := p.store.(store.Snapshotter).Snapshot(t.Context())
	if err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// restored returns what a snapshot has, and an oracle to hold it against.
func (p *pair) restored(t testing.TB, s store.Snapshot, oracle *Oracle) *pair {
	t.Helper()
	copied := &pair{engine: p.engine, store: p.engine.Restore(t, s), oracle: oracle}
	t.Cleanup(func() { copied.store.Close() })
	return copied
}

// testSnapshot compares a copy with what was there when it was made, and goes on in both.
func testSnapshot(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(15)
	some := func(instance string) *wire.Batch {
		b := g.batch(instance, 300, g.around(Noon, 12*hour))
		b.Health = []wire.HealthResult{g.result(Noon - int64(b.Sequence))}
		b.Drops = []wire.Drop{{Service: "service-1", At: Noon, Count: b.Sequence}}
		return clone(b)
	}
	var sent []*wire.Batch
	add := func(instance string) {
		b := some(instance)
		sent = append(sent, b)
		p.append(t, b)
	}
	p.restored(t, p.snapshot(t), p.oracle).compare(t, all) // of nothing
	for range 4 {
		add("a")
	}
	p.reopen(t) // some of it is in other places of the store then
	for range 3 {
		add("b")
	}
	first := p.snapshot(t)
	then := NewOracle()
	for _, b := range sent {
		if _, err := then.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		add("c")
	}
	p.prune(t, Noon-3*hour)
	second := p.snapshot(t) // there may be two
	p.compare(t, all)

	old := p.restored(t, first, then)
	old.compare(t, all)
	old.compareHealth(t, allHealth)
	for _, b := range sent { // those of c are new to it
		old.append(t, b)
	}
	old.compare(t, all)
	recent := p.restored(t, second, p.oracle)
	recent.compare(t, all)
	recent.compareHealth(t, allHealth)
	recent.append(t, sent...)

	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Errorf("close the snapshots: %v", err)
	}
	p.append(t, some("d"))
	p.prune(t, Noon-3*hour) // what of it is before the floor
	p.reopen(t)
	p.compare(t, all)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.store.(store.Snapshotter).Snapshot(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a snapshot in a context that ended: %v", err)
	}
	left := p.snapshot(t)
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := left.Open(left.Files()[0].Name)
	wantClosed(t, "open a file of a snapshot", err)
	_, err = p.store.(store.Snapshotter).Snapshot(t.Context())
	wantClosed(t, "snapshot", err)
}

// testSnapshotOfWriters makes snapshots while instances send. What was acknowledged before
// is in the copy; of everything else, each batch is there once or not at all.
func testSnapshotOfWriters(t *testing.T, e Engine) {
	p := newPair(t, e)
	for round := range Volume(6) {
		var (
			mu    sync.Mutex
			sent  []*wire.Batch
			acked = make(map[*wire.Batch]bool)
			wg    sync.WaitGroup
		)
		begun, stop := make(chan struct{}, 1000), make(chan struct{})
		for i := range 4 {
			g := newGenerator(uint64(100*round + i))
			wg.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					b := clone(g.batch(fmt.Sprintf("%d-%d", round, i), 1+g.IntN(200), g.around(Noon, hour)))
					mu.Lock()
					sent = append(sent, b)
					mu.Unlock()
					if _, err := p.store.Append(t.Context(), b); err != nil {
						t.Errorf("append: %v", err)
						return
					}
					mu.Lock()
					acked[b] = true
					mu.Unlock()
					select {
					case begun <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 5 + 7*round {
			<-begun
		}
		mu.Lock()
		before := make(map[*wire.Batch]bool, len(acked))
		for b := range acked {
			before[b] = true
		}
		mu.Unlock()
		s := p.snapshot(t)
		close(stop)
		wg.Wait()

		copied := p.restored(t, s, p.oracle)
		for _, b := range sent {
			if _, err := p.oracle.Append(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			fresh, err := copied.store.Append(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			if before[b] && fresh[0] {
				t.Errorf("batch %s/%d was acknowledged before, and is not in the snapshot", b.Instance, b.Sequence)
			}
		}
		copied.compare(t, all)
		p.compare(t, all)
		if err := s.Close(); err != nil {
			t.Errorf("close the snapshot: %v", err)
		}
	}
}
