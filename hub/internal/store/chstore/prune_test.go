package chstore

import (
	"errors"
	"slices"
	"testing"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// A read of health results during pruning fails with an error if some may be missing.
func TestHealthForgottenMeanwhile(t *testing.T) {
	s := open(t, database(serverstest.ClickHouse(t, password)), Options{tuning: quick})
	b := storetest.Batch("a", 1, 1)
	b.Health = []wire.HealthResult{{Check: "redis", Status: 1, From: storetest.Noon, To: storetest.Noon}}
	if _, err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	window := rollup.Window{From: storetest.Noon, To: storetest.Noon + floorStep}
	read := func(meanwhile int64) (found int, failed error) {
		for _, err := range s.Health(t.Context(), store.HealthQuery{Window: window}) {
			if failed = err; err == nil {
				found++
				if err := s.Prune(t.Context(), meanwhile); err != nil {
					t.Fatal(err)
				}
			}
		}
		return found, failed
	}
	if found, err := read(window.From); found != 1 || err != nil {
		t.Errorf("%d results: %v", found, err)
	}
	if found, err := read(window.To); found != 1 || !errors.Is(err, errPruned) {
		t.Errorf("%d results: %v", found, err)
	}
}

// What was added up stays until no read can still need it, however old it is.
func TestAddedUpStaysMeanwhile(t *testing.T) {
	patient := quick
	patient.sealing.meanwhile = 3600
	s := open(t, database(serverstest.ClickHouse(t, password)), Options{tuning: patient})
	oracle := storetest.NewOracle()
	ago := func(seconds int64) *snapshot {
		t.Helper()
		snap, err := s.snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		snap.now -= seconds
		return snap
	}
	for age := int64(12); age > 0; age-- {
		b, now := storetest.Batch("a", uint64(age), 20), age*daySeconds-10
		if err := s.decide(t.Context(), stateCommitted, announced(t, s, age*daySeconds, b, true)); err != nil {
			t.Fatal(err)
		}
		if _, err := oracle.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if err := s.sealGroups(t.Context(), ago(now)); err != nil {
			t.Fatal(err)
		}
		if err := s.sealPieces(t.Context(), ago(now), tierHours, s.sealing.hours); err != nil {
			t.Fatal(err)
		}
	}
	before := ago(0) // as who still reads what the days stand for has it
	for range 2 {    // what the first one adds up, the second finds
		if err := s.sealDue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if after := ago(0); after.chain[0].tier != tierDays || before.chain[0].tier != tierHours {
		t.Fatalf("the chain was %v and is %v", before.chain, after.chain)
	}
	held := func() (n uint64) {
		t.Helper()
		with, err := withNumbers(t.Context(), numbers{"wanted", before.pieces(0)})
		if err == nil {
			n, err = count(with, s.ledger().nodes[0], `SELECT uniqExact(piece) FROM `+s.table(rollupsTable)+` WHERE piece IN (SELECT number FROM wanted)`)
		}
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := held(); int(n) != len(before.chain) {
		t.Errorf("%d of %d pieces are left", n, len(before.chain))
	}
	s.sealing.meanwhile = 0
	if err := s.sealDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := held(); int(n) == len(before.chain) {
		t.Error("nothing was dropped")
	}
	all := store.RollupQuery{Window: rollup.Window{From: 0, To: storetest.Noon + daySeconds*1000}}
	if got, want := storetest.Rollups(t, s, all), storetest.Rollups(t, oracle, all); !slices.Equal(got, want) {
		t.Errorf("the sums are\n%v, not\n%v", got, want)
	}
}

// The floor is not noted for each minute that retention moves on, but for each day
// that is to go.
func TestFloorMoves(t *testing.T) {
	const minute, day = 60_000, daySeconds * 1000
	boundary := (dayOf(storetest.Noon/1000).Unix() + ahead) * 1000 // before it, a day is still needed
	for _, test := range []struct {
		floor, before int64
		want          bool
	}{
		{0, storetest.Noon, true},
		{storetest.Noon, storetest.Noon, false},
		{storetest.Noon, storetest.Noon - day, false},
		{storetest.Noon, storetest.Noon + minute, false},
		{storetest.Noon, storetest.Noon + floorStep, true},
		{boundary - minute, boundary - 1, false},
		{boundary - minute, boundary, true},
		{boundary, boundary - minute, false},
	} {
		if got := moves(test.floor, test.before); got != test.want {
			t.Errorf("from %d to %d: %v", test.floor, test.before, got)
		}
	}
	s := open(t, database(serverstest.ClickHouse(t, password)), Options{tuning: quick})
	for i := range int64(7) {
		if err := s.Prune(t.Context(), storetest.Noon+i*minute); err != nil {
			t.Fatal(err)
		}
	}
	if rows, err := count(t.Context(), s.ledger().nodes[0], `SELECT count() FROM `+s.table(stateTable)+` WHERE key = 'pruned'`); rows != 2 || err != nil {
		t.Errorf("the floor was noted %d times: %v", rows, err)
	}
}
