package pebblestore

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/wire"
)

// The key of a health result; data on disks have it. Its value is a batch.
func TestHealthKey(t *testing.T) {
	b := &wire.Batch{Instance: "hub", Sequence: 258, Health: []wire.HealthResult{
		{Check: "a", Status: health.Healthy}, {Service: "orders", Check: "redis", Status: health.Down, From: 515, To: 516},
	}}
	r := newHealthRow(b, 1)
	if got, want := string(r.key), "horders/redis\x00\x00\x00\x00\x00\x00\x00\x02\x03hub\x00\x00\x00\x00\x00\x00\x00\x01\x02\x00\x00\x00\x01"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if healthName(r.key) != "orders/redis" || healthFrom(r.key) != 515 {
		t.Errorf("%q from %d", healthName(r.key), healthFrom(r.key))
	}
	var scratch wire.Batch
	got, err := decodeHealth(r.value, &scratch)
	if err != nil || got.Name() != "orders/redis" || got.To != 516 || got.Instance != "hub" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, (&wire.Batch{Instance: "a"}).AppendBinary(nil)} {
		if _, err := decodeHealth(bad, &scratch); err == nil {
			t.Errorf("%x is taken for a result", bad)
		}
	}
}

// Health results alone fill the memory, too: they are flushed like requests.
func TestHealthIsFlushed(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy})
	for i := range uint64(200) {
		b := &wire.Batch{Instance: "hub", Sequence: i + 1, Health: []wire.HealthResult{
			{Check: fmt.Sprint("check-", i%7), Status: health.Healthy, From: storetest.Noon + int64(i), To: storetest.Noon + int64(i)},
		}}
		mustAppend(t, s, b)
	}
	settle(t, s)
	s.mu.RLock()
	held := s.recent.len()
	s.mu.RUnlock()
	if held >= 200*healthWeight {
		t.Errorf("memory holds %d rows of %d", held, 200*healthWeight)
	}
	if n := len(storetest.Health(t, s, store.HealthQuery{Window: everything.Window})); n != 200 {
		t.Errorf("%d results", n)
	}
}

// BenchmarkHealth asks for an hour and for a day of one check among a thousand,
// each of which has a result a minute.
func BenchmarkHealth(b *testing.B) {
	const checks, minutes = 1000, 180
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for m := range int64(minutes) {
		batch := &wire.Batch{Instance: "hub", Sequence: uint64(m + 1)}
		from := storetest.Noon - (minutes-m)*time.Minute.Milliseconds()
		for i := range checks {
			h := wire.HealthResult{Check: fmt.Sprintf("check-%04d", i), Status: health.Healthy, From: from, To: from + 60_000}
			for k := range int64(6) {
				h.Latency.Record(1e6 + k*1e5)
			}
			batch.Health = append(batch.Health, h)
		}
		if _, err := s.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	q := store.HealthQuery{Window: rollup.Window{From: 0, To: 1 << 60}, Name: "check-0500"}
	for b.Loop() {
		n := 0
		for _, err := range s.Health(b.Context(), q) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != minutes {
			b.Fatalf("%d results", n)
		}
	}
}
