package pebblestore

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
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

// The format of a health result's key, which stores on disk have. Its value is a batch.
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
		t.Errorf("got %+v, %v", got, err)
	}
	// The value, too: as the version of today wrote it.
	if golden := hex.EncodeToString(r.value); golden != goldenHealth {
		t.Errorf("the value is %s, want %s", golden, goldenHealth)
	}
	for _, bad := range [][]byte{nil, (&wire.Batch{Instance: "a"}).AppendBinary(nil)} {
		if _, err := decodeHealth(bad, &scratch); err == nil {
			t.Errorf("%x is taken for a result", bad)
		}
	}
}

const goldenHealth = "4b594d420203687562820200000000000001066f72646572730572656469730000038304010000"

// A result counts for as much memory as it takes, so that many with long texts
// and wide histograms are bounded as well.
func TestHealthWeight(t *testing.T) {
	h := wire.HealthResult{Check: "a", Status: health.Down, Details: `{"a":"` + strings.Repeat("x", wire.MaxDetails-8) + `"}`}
	for i := range int64(3000) {
		h.Latency.Record(i * i * i * i)
	}
	m := newMemory(rows{}, 0)
	m.add(&wire.Batch{Instance: "hub", Sequence: 1, Health: []wire.HealthResult{h}}, newSeriesTable(), map[string]*identity{}, 0)
	if bytes := len(m.health[0].key) + len(m.health[0].value); m.len()*requestBytes < bytes {
		t.Errorf("%d bytes count for %d requests", bytes, m.len())
	}
	if m.rows.len() != 0 {
		t.Errorf("%d requests", m.rows.len())
	}
}

// Results in memory, and those that arrive late, are pruned like those on disk.
func TestHealthPruneInMemory(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, Options{FS: fs})
	oracle := storetest.NewOracle()
	batch := func(sequence uint64) *wire.Batch {
		b := &wire.Batch{Instance: "hub", Sequence: sequence}
		for i := range int64(60) { // across the instant and at both its sides
			from := storetest.Noon - hourMillis + (i-30)*2*60_000
			b.Health = append(b.Health, wire.HealthResult{Check: fmt.Sprint("check-", i%3), Status: health.Healthy,
				From: from, To: from + i%5*15*60_000})
		}
		return b
	}
	q := store.HealthQuery{Window: everything}
	check := func() {
		t.Helper()
		if err := oracle.Prune(t.Context(), storetest.Noon-hourMillis); err != nil {
			t.Fatal(err)
		}
		if got, want := storetest.Health(t, s, q), storetest.Health(t, oracle, q); !slices.Equal(got, want) {
			t.Errorf("%d results, want %d", len(got), len(want))
		}
	}
	for sequence := range uint64(3) {
		mustAppend(t, s, batch(sequence))
		mustAppend(t, oracle, batch(sequence))
		if err := s.Prune(t.Context(), storetest.Noon-hourMillis); err != nil {
			t.Fatal(err)
		}
		check()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, Options{FS: fs})
		check()
	}
	if err := s.Prune(t.Context(), storetest.Noon+3*hourMillis); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := s.engine.scan(prefixHealth, func(_, _ []byte) error { n++; return nil }); err != nil || n != 0 {
		t.Errorf("%d results are left on disk, %v", n, err)
	}
}

// Health results alone fill a disk, too.
func TestHealthPruneToSize(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy})
	r := rand.New(rand.NewPCG(1, 1))
	for m := range int64(48 * 6) {
		b := &wire.Batch{Instance: "hub", Sequence: uint64(m)}
		from := storetest.Noon - 48*hourMillis + m*10*60_000
		for i := range 20 {
			b.Health = append(b.Health, wire.HealthResult{Check: fmt.Sprint("check-", i), Status: health.Down,
				From: from, To: from + 60_000, Reason: fmt.Sprintf("%x", r.Uint64())})
		}
		mustAppend(t, s, b)
	}
	err := s.do(t.Context(), func(c *committer) error {
		c.drain()
		c.freeze()
		c.drain()
		c.makeDurable()
		c.drain()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	size := kept(t, s)
	before, err := s.PruneToSize(t.Context(), size/2)
	if err != nil {
		t.Fatal(err)
	}
	if ago := (storetest.Noon - before) / hourMillis; ago < 12 || ago > 26 { // a part of the size is not of results
		t.Errorf("pruned what is older than %d h to halve 48 h", ago)
	}
	if after := kept(t, s); after > size*6/10 {
		t.Errorf("%d bytes after pruning, %d before", after, size)
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
	awaitTurn(t, s)
	s.mu.RLock()
	held := s.recent.len()
	s.mu.RUnlock()
	if held >= 200*healthWeight {
		t.Errorf("memory holds %d rows of %d", held, 200*healthWeight)
	}
	if n := len(storetest.Health(t, s, store.HealthQuery{Window: everything})); n != 200 {
		t.Errorf("%d results", n)
	}
}

// BenchmarkHealth asks for three hours of one check among a thousand, each of
// which has a result a minute.
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
