package pebblestore

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// TestIdentityForgotten forgets instances that fell silent, and only those.
func TestIdentityForgotten(t *testing.T) {
	now := time.Now()
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy, Now: func() time.Time { return now }})
	old, young := batches("old", 1)(), batches("young", 1)()
	mustAppend(t, s, old)
	err := s.do(t.Context(), func(*committer) error {
		now = now.Add(time.Duration(identityAge)*time.Millisecond + time.Second)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, young)
	if err := s.Prune(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	fresh, err := s.Append(t.Context(), old, young)
	if err != nil || !fresh[0] || fresh[1] {
		t.Errorf("after 8 days: fresh %v, %v; want the old instance forgotten and the young one known", fresh, err)
	}
}

// TestGaps refuses an instance whose sequence has more gaps than are remembered.
func TestGaps(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy})
	r := wire.Request{Key: wire.Key{Service: "s", Endpoint: "/", Method: "GET", Status: 200}, Start: storetest.Noon}
	var all []*wire.Batch
	for i := range uint64(maxGaps) {
		b := wire.NewBuilder()
		b.Add(&r)
		all = append(all, b.Batch("gappy", 2*i))
	}
	if _, err := s.Append(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	// A number that closes a gap is welcome.
	b := wire.NewBuilder()
	b.Add(&r)
	if fresh, err := s.Append(t.Context(), b.Batch("gappy", 7)); err != nil || !fresh[0] {
		t.Errorf("a number that closes a gap: %v, %v", fresh, err)
	}
	if fresh, err := s.Append(t.Context(), b.Batch("gappy", 1<<30)); err != nil || !fresh[0] {
		t.Errorf("the place that became free: %v, %v", fresh, err)
	}
	good, bad := batches("good", 1)(), b.Batch("gappy", 1<<40)
	if _, err := s.Append(t.Context(), good, bad); !errors.Is(err, store.ErrFull) {
		t.Errorf("one gap too many: %v, want store.ErrFull", err)
	}
	if fresh, err := s.Append(t.Context(), good, all[5]); err != nil || !fresh[0] || fresh[1] {
		t.Errorf("the refused call's other batch: %v, %v; want it new, as nothing of that call was kept", fresh, err)
	}
}
