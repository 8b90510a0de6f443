package chstore

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/gather"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// callOf is a call of Append, as the gatherer hands it on.
func callOf(batches ...*wire.Batch) []*gather.Call {
	return []*gather.Call{{Batches: batches, Fresh: make([]bool, len(batches))}}
}

// A hub that finds its group's number taken leaves the other hub's group alone.
func TestSameNumber(t *testing.T) {
	url := database(serverstest.ClickHouse(t, password))
	s, other := open(t, url, Options{tuning: quick}), open(t, url, Options{tuning: quick})
	oracle := storetest.NewOracle()
	b := storetest.Batch("a", 1, 30)
	number := announced(t, s, 0, b, true)
	calls := callOf(b)
	if err := other.keepAs(t.Context(), number, identities(calls), calls); !errors.Is(err, errSameNumber) {
		t.Errorf("with the number of another hub's group: %v", err)
	}
	if err := s.decide(t.Context(), stateCommitted, number); err != nil {
		t.Fatal(err)
	}
	if _, err := oracle.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	storetest.Same(t, other, oracle)
}

// A batch that an attempt could not write is not new because of it: another hub
// may have kept it before the next one.
func TestFreshOnceWritten(t *testing.T) {
	server := serverstest.ClickHouse(t, password)
	url := database(server)
	s, other := open(t, url, Options{tuning: quick}), open(t, url, Options{tuning: quick})
	oracle := storetest.NewOracle()
	b := storetest.Batch("a", 1, 30)
	calls := callOf(b)
	table := s.table(requestsTable)
	server.SQL("RENAME TABLE " + table + " TO " + table + "_away")
	if err := s.keep(t.Context(), calls); err == nil || calls[0].Fresh[0] {
		t.Errorf("a batch that could not be written: %v, %v", calls[0].Fresh, err)
	}
	server.SQL("RENAME TABLE " + table + "_away TO " + table)
	mustAppend(t, other, oracle, b)
	if err := s.keep(t.Context(), calls); err != nil || calls[0].Fresh[0] {
		t.Errorf("a batch that another hub has kept: %v, %v", calls[0].Fresh, err)
	}
	storetest.Same(t, s, oracle)
}

// A batch that was announced long ago, and has no state, was kept if that is
// forgotten; if it cannot be forgotten yet, the batch was not kept.
func TestAnnouncedLongAgo(t *testing.T) {
	s := open(t, database(serverstest.ClickHouse(t, password)), Options{tuning: quick})
	oracle := storetest.NewOracle()
	kept, open := storetest.Batch("a", 1, 30), storetest.Batch("a", 2, 30)
	age := int64(promisedAge/time.Second) + 600
	if err := s.decide(t.Context(), stateCommitted, announced(t, s, age+60, kept, true)); err != nil {
		t.Fatal(err)
	}
	if _, err := oracle.Append(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	snap, err := s.snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	snap.now -= age + 30
	if err := s.sealGroups(t.Context(), snap); err != nil {
		t.Fatal(err)
	}
	if err := s.drop(t.Context(), s.ledger(), groupsTable, func(partition) bool { return true }); err != nil {
		t.Fatal(err)
	}
	announced(t, s, age, open, true)
	mustAppend(t, s, oracle, open)
	if fresh, err := s.Append(t.Context(), kept); err != nil || fresh[0] {
		t.Errorf("a batch whose group's state is forgotten: %v, %v", fresh, err)
	}
	all := store.RollupQuery{Window: rollup.Window{From: 0, To: storetest.Noon + daySeconds*1000}}
	if got, want := storetest.Rollups(t, s, all), storetest.Rollups(t, oracle, all); !slices.Equal(got, want) {
		t.Errorf("the sums are\n%v, not\n%v", got, want)
	}
}

// A group is not acknowledged when its time is over by either clock, nor when another
// hub has aborted it.
func TestCommitInTime(t *testing.T) {
	s := open(t, database(serverstest.ClickHouse(t, password)), Options{tuning: quick})
	b := storetest.Batch("a", 1, 30)
	if err := s.commit(t.Context(), announced(t, s, 0, b, true), time.Now()); err != nil {
		t.Errorf("in time: %v", err)
	}
	b = storetest.Batch("a", 2, 30)
	if err := s.commit(t.Context(), announced(t, s, commitWithin, b, true), time.Now()); !errors.Is(err, errLate) {
		t.Errorf("after the machine has slept: %v", err)
	}
	if err := s.commit(t.Context(), announced(t, s, 0, b, true), time.Now().Add(-commitWithin*time.Second)); !errors.Is(err, errLate) {
		t.Errorf("after the clock was set back: %v", err)
	}
	number := announced(t, s, 0, b, true)
	if err := s.decide(t.Context(), stateAborted, number); err != nil {
		t.Fatal(err)
	}
	if err := s.commit(t.Context(), number, time.Now()); !errors.Is(err, errAborted) {
		t.Errorf("after another hub has given it up: %v", err)
	}
	oracle := storetest.NewOracle()
	if _, err := oracle.Append(t.Context(), storetest.Batch("a", 1, 30)); err != nil {
		t.Fatal(err)
	}
	storetest.Same(t, s, oracle)
}
