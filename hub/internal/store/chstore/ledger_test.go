package chstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// mustAppend gives a store and its oracle the same batches.
func mustAppend(t testing.TB, s store.Store, oracle *storetest.Oracle, batches ...*wire.Batch) {
	t.Helper()
	for _, to := range []store.Store{s, oracle} {
		if _, err := to.Append(t.Context(), batches...); err != nil {
			t.Fatal(err)
		}
	}
}

// Four hubs are sent the same batches at once, in orders of their own, and send
// again what is not taken.
func TestManyHubs(t *testing.T) {
	url := database(serverstest.ClickHouse(t, password))
	oracle := storetest.NewOracle()
	const instances, batches, hubs = 4, 10, 4
	var sent []*wire.Batch
	for i := range instances * batches {
		sent = append(sent, storetest.Batch(fmt.Sprint("instance-", i%instances), uint64(i/instances), 40))
	}
	if _, err := oracle.Append(t.Context(), sent...); err != nil {
		t.Fatal(err)
	}
	var stores [hubs]*Store
	var opening, sending sync.WaitGroup
	for i := range stores { // they make the tables at once, too
		opening.Go(func() {
			var err error
			if stores[i], err = Open(url, Options{tuning: quick}); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	if t.Failed() {
		return
	}
	for i, s := range stores {
		defer s.Close()
		for j := range 2 { // senders
			sending.Go(func() {
				for k := j; k < len(sent); k += 2 {
					at := (k*(2*i+1) + i*17) % len(sent)
					for end := time.Now().Add(2 * time.Minute); ; {
						_, err := s.Append(context.Background(), sent[at], sent[(at+1)%len(sent)])
						if err == nil {
							break
						}
						if !errors.Is(err, store.ErrUnavailable) || time.Now().After(end) {
							t.Errorf("hub %d: %v", i, err)
							return
						}
					}
				}
			})
		}
	}
	sending.Wait()
	for _, s := range stores {
		storetest.Same(t, s, oracle)
	}
}

// announced makes a group of a hub that died at a certain age, with its batch
// announced and, if so told, written.
func announced(t *testing.T, dead *Store, age int64, b *wire.Batch, written bool) uint64 {
	t.Helper()
	number := newNumber(dead.now() - age)
	if err := dead.announce(t.Context(), number, []identity{{b.Instance, b.Sequence}}); err != nil {
		t.Fatal(err)
	}
	if written {
		if err := dead.put(t.Context(), number, []*wire.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	return number
}

// What a hub was about to keep when it died counts once it is sent again, and not
// before. As long as the hub may still be writing it, no other hub takes it.
func TestDeadHub(t *testing.T) {
	url := database(serverstest.ClickHouse(t, password))
	impatient := quick
	impatient.hold = 1
	dead, s := open(t, url, Options{tuning: quick}), open(t, url, Options{tuning: impatient})
	oracle := storetest.NewOracle()
	old, young, done := storetest.Batch("a", 1, 30), storetest.Batch("a", 2, 30), storetest.Batch("a", 3, 30)
	announced(t, dead, staleAfter+1, old, true)
	number := announced(t, dead, 1, young, true)
	kept := announced(t, dead, 1, done, true)
	storetest.Same(t, s, oracle)
	mustAppend(t, s, oracle, old)
	if _, err := s.Append(t.Context(), young); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, errOtherHub) {
		t.Errorf("a batch that another hub may be about to keep: %v", err)
	}
	storetest.Same(t, s, oracle)

	// One that it had committed was kept, even if it could not report that.
	if err := dead.decide(t.Context(), stateCommitted, kept); err != nil {
		t.Fatal(err)
	}
	if fresh, err := s.Append(t.Context(), done); err != nil || fresh[0] {
		t.Errorf("a batch that a dead hub has committed: %v, %v", fresh, err)
	}
	if _, err := oracle.Append(t.Context(), done); err != nil {
		t.Fatal(err)
	}
	storetest.Same(t, s, oracle)

	// An aborted group stays aborted, even if a commit comes after all.
	if err := s.decide(t.Context(), stateAborted, number); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, oracle, young)
	if err := dead.decide(t.Context(), stateCommitted, number); err != nil {
		t.Fatal(err)
	}
	storetest.Same(t, s, oracle)
}

// A group that this hub gave up does not keep it waiting, even if it could not
// say so. Two numbers that are the same are seen.
func TestOrphans(t *testing.T) {
	url := database(serverstest.ClickHouse(t, password))
	s, other := open(t, url, Options{tuning: quick}), open(t, url, Options{tuning: quick})
	oracle := storetest.NewOracle()
	b := storetest.Batch("a", 1, 30)
	s.orphans.add(announced(t, s, 0, b, true), s.now())
	mustAppend(t, s, oracle, b)
	storetest.Same(t, other, oracle)
	if len(s.orphans.numbers) != 0 {
		t.Errorf("%d groups are still orphans", len(s.orphans.numbers))
	}
	number := announced(t, s, 0, storetest.Batch("a", 2, 1), false)
	if _, err := other.enter(t.Context(), number, []identity{{"a", 2}}); !errors.Is(err, errSameNumber) {
		t.Errorf("with the number of another hub's group: %v", err)
	}
}

// A hub whose clock is wrong finds that out, and keeps what it is sent.
func TestWrongClock(t *testing.T) {
	s := open(t, database(serverstest.ClickHouse(t, password)), Options{tuning: quick})
	oracle := storetest.NewOracle()
	for i, wrong := range []int64{-3600, 3600} {
		s.offset.Store(wrong)
		if err := s.keep(t.Context(), nil); err != nil {
			t.Error(err)
		}
		_, err := s.enter(t.Context(), newNumber(s.now()), []identity{{"clock", uint64(i)}})
		if !errors.Is(err, errLate) {
			t.Errorf("%d s off: %v", wrong, err)
		}
		if off := s.offset.Load(); off < -2 || off > 2 {
			t.Errorf("the ledger's clock is believed to be %d s off", off)
		}
		mustAppend(t, s, oracle, storetest.Batch("a", uint64(i), 10))
	}
	storetest.Same(t, s, oracle)
}

// Two hubs add the same groups up at once, again and again: no report changes.
func TestSettleTogether(t *testing.T) {
	url := database(serverstest.ClickHouse(t, password))
	a, b := open(t, url, Options{tuning: quick}), open(t, url, Options{tuning: quick})
	oracle := storetest.NewOracle()
	for age := int64(40); age > 2; age -= 2 {
		batch := storetest.Batch("a", uint64(age), 30)
		if err := a.decide(t.Context(), stateCommitted, announced(t, a, age, batch, true)); err != nil {
			t.Fatal(err)
		}
		if _, err := oracle.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	ages := announced(t, a, 12*daySeconds, storetest.Batch("b", 2, 30), true)
	never := announced(t, a, 20, storetest.Batch("b", 1, 30), true)
	for range 4 {
		var work sync.WaitGroup
		for _, s := range []*Store{a, b} {
			work.Go(func() {
				if err := s.sealDue(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		storetest.Same(t, a, oracle)
		storetest.Same(t, b, oracle)
	}
	snap, err := a.snapshot(t.Context())
	if err != nil || len(snap.chain) == 0 || len(snap.groups) > 5 || !slices.Contains(snap.aborted, never) || !slices.Contains(snap.aborted, ages) {
		t.Errorf("the chain has %d links, %d groups are beyond it, aborted are %v, not %d and %d; %v", len(snap.chain), len(snap.groups), snap.aborted, never, ages, err)
	}
}

// Days that are over lose their partitions, and what stands for others' sums stays.
func TestPartitionsGo(t *testing.T) {
	s := open(t, database(serverstest.ClickHouse(t, password)), Options{tuning: quick})
	const day = 24 * 3600
	for i := range int64(12) {
		b := storetest.Batch("a", uint64(i), 20)
		b.Health = []wire.HealthResult{{Check: "redis", Status: 1, From: storetest.Noon, To: storetest.Noon}}
		b.Drops = []wire.Drop{{Service: "shop", At: storetest.Noon, Count: 1}, {Service: "shop", At: storetest.Noon, Count: 1, Reason: wire.QueueFull}}
		if i%4 == 3 { // one is never committed
			announced(t, s, i*day, b, true)
		} else if err := s.decide(t.Context(), stateCommitted, announced(t, s, i*day, b, true)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // minutes, then hours, then what they stand for
		if err := s.sealDue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	days := func(table string) string {
		t.Helper()
		all, err := s.partitions(t.Context(), s.ledger().nodes[0], table)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(len(all))
	}
	if err := s.Prune(t.Context(), (s.now()-5*day)*1000); err != nil {
		t.Fatal(err)
	}
	// Of today, and of the five days before and the one from which requests may
	// have been sent ahead; a moment of the next day may have begun.
	for _, table := range []string{requestsTable, healthTable, dropsTable, reasonsTable} {
		if got := days(table); got != "7" && got != "8" {
			t.Errorf("%s has partitions of %s days", table, got)
		}
	}
	if got := days(batchesTable); got != "8" && got != "9" {
		t.Errorf("batches of %s days are known", got)
	}
	if before, err := s.PruneToSize(t.Context(), 1<<40); before != 0 || err != nil {
		t.Errorf("with room enough: %d, %v", before, err)
	}
	if before, err := s.PruneToSize(t.Context(), 1); before == 0 || err != nil || before > s.now()*1000 {
		t.Errorf("without room: all before %d, %v", before, err)
	}
	if got := days(requestsTable); got != "2" && got != "3" {
		t.Errorf("%s days are left", got)
	}
}

// A server that is gone is said to be, by every operation, without the password.
func TestAway(t *testing.T) {
	server := serverstest.ClickHouse(t, password)
	impatient := quick
	impatient.hold = 1
	s := open(t, database(server), Options{tuning: impatient})
	oracle := storetest.NewOracle()
	mustAppend(t, s, oracle, storetest.Batch("a", 1, 10))
	server.Stop()
	_, err := s.Append(t.Context(), storetest.Batch("a", 2, 10))
	errs := map[string]error{"append": err, "check": s.Check(t.Context()), "prune": s.Prune(t.Context(), storetest.Noon)}
	for _, err := range s.Rollups(t.Context(), store.RollupQuery{}) {
		errs["rollups"] = err
	}
	for _, err := range s.Requests(t.Context(), store.RequestQuery{}) {
		errs["requests"] = err
	}
	for _, err := range s.Health(t.Context(), store.HealthQuery{}) {
		errs["health"] = err
	}
	for _, err := range s.HealthNames(t.Context(), store.HealthQuery{}.Window) {
		errs["names"] = err
	}
	_, errs["size"] = s.PruneToSize(t.Context(), 0)
	for what, err := range errs {
		if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(errs) != 8 {
		t.Errorf("%d operations failed", len(errs))
	}
	server.Start()
	mustAppend(t, s, oracle, storetest.Batch("a", 2, 10))
	storetest.Same(t, s, oracle)
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
