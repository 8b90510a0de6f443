package core

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store"
	allengines "github.com/kymohq/kymo/hub/internal/store/engines"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// eachStore runs a test over every store, one opened at the location after another.
func eachStore(t *testing.T, run func(t *testing.T, location string)) {
	for name, location := range map[string]func() string{
		"directory": t.TempDir,
		"PostgreSQL": func() string {
			return serverstest.Postgres(t).URL("postgres", serverstest.PostgresPassword, "postgres")
		},
		"ClickHouse": func() string { return serverstest.ClickHouse(t, "").URL("default", "", "kymo") },
	} {
		if name == "ClickHouse" && testing.Short() { // it takes seconds of a CPU to start
			continue
		}
		t.Run(name, func(t *testing.T) { run(t, location()) })
	}
}

func openStore(t *testing.T, location string) store.Store {
	t.Helper()
	st, err := allengines.Open(location, allengines.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// pastBatches are what a hub and some services stored within the last days.
func pastBatches(now int64) []*wire.Batch {
	r := rand.New(rand.NewPCG(11, 12))
	var all []*wire.Batch
	series := []wire.HealthResult{
		{Check: "database"}, {Check: "cache"}, {Service: "orders"}, {Check: "service/cache"}, {Service: "a", Check: "b/c"}, {Service: "a/b", Check: "c"},
		{Check: "a/b/c"}, {Service: "shop"}, {Check: "rare"},
	}
	for i, s := range series {
		at := now - 40*time.Hour.Milliseconds()
		if i == 8 { // its last result is long before those of the others
			now -= 5 * time.Hour.Milliseconds()
		}
		s.Status = health.Healthy
		sequence := uint64(0)
		for at < now-60_000 {
			s.From, s.To = at, min(at+60_000*(1+r.Int64N(20)), now-1-r.Int64N(1000))
			if r.IntN(15) == 0 {
				s.Status = health.Status(1 + r.IntN(3))
			}
			s.Failures, s.Reason, s.Details = 0, "", `{"instances":1}`
			s.Latency = hist.Histogram{}
			for range 1 + r.IntN(5) {
				s.Latency.Record(1e6)
			}
			if s.Status != health.Healthy {
				s.Failures, s.Reason = s.Latency.Count(), "refused"
			}
			sequence++
			all = append(all, &wire.Batch{Instance: fmt.Sprint("hub-", i), Sequence: sequence, Health: []wire.HealthResult{s}})
			if at = s.To; r.IntN(20) == 0 {
				at += r.Int64N(40_000)
			}
		}
	}
	return all
}

// What is remembered is the same on every store, and each name has its own past.
func TestMemoryOnEveryStore(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	oracle := storetest.NewOracle()
	batches := pastBatches(now.UnixMilli())
	if _, err := oracle.Append(t.Context(), batches...); err != nil {
		t.Fatal(err)
	}
	describe := func(st store.Store) (lines []string) {
		m, err := remember(t.Context(), st, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			since, err := earlier(t.Context(), st, name, m[name])
			if err != nil {
				t.Fatal(err)
			}
			last, left := m[name].left(now)
			lines = append(lines, fmt.Sprintf("%s %+v, since %d; last heartbeat %v, left %v", name, m[name].past(now), since, last, left))
		}
		return lines
	}
	want := describe(oracle)
	if len(want) != 7 {
		t.Fatalf("%q", want)
	}
	eachStore(t, func(t *testing.T, location string) {
		st := openStore(t, location)
		for part := range slices.Chunk(batches, 100) {
			if _, err := st.Append(t.Context(), part...); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		st = openStore(t, location)
		defer st.Close()
		for i, line := range describe(st) {
			if line != want[i] {
				t.Errorf("%s\nwant %s", line, want[i])
			}
		}
	})
}

// Since when a check is in its state is what its whole history says.
func TestEarlierEqualsTheHistory(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	st := storetest.NewOracle()
	if _, err := st.Append(t.Context(), pastBatches(now.UnixMilli())...); err != nil {
		t.Fatal(err)
	}
	m, err := remember(t.Context(), st, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, of := range m {
		whole, err := ownResults(t.Context(), st, name, ever)
		if err != nil {
			t.Fatal(err)
		}
		want := make(memory)
		for _, r := range whole {
			want.add(r, 0)
		}
		since, err := earlier(t.Context(), st, name, of)
		if p := want[name].past(now); err != nil || time.UnixMilli(since) != p.State.Since {
			t.Errorf("%s: since %v, want %v; %v", name, time.UnixMilli(since), p.State.Since, err)
		}
	}
}
