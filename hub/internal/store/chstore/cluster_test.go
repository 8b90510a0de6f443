//go:build cluster

package chstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
)

// everything is a query for all that tests make.
var everything = rollup.Window{From: 0, To: storetest.Noon + 30*24*3600*1000}

// sender sends batches, each until it is acknowledged, as services do.
type sender struct {
	t       testing.TB
	stores  []*Store
	oracle  *storetest.Oracle
	stop    chan struct{}
	mu      sync.Mutex
	sent    int
	refused int // attempts
	work    sync.WaitGroup
}

func newSender(t testing.TB, stores ...*Store) *sender {
	s := &sender{t: t, stores: stores, oracle: storetest.NewOracle(), stop: make(chan struct{})}
	for i := range 4 {
		s.work.Go(func() { s.run(fmt.Sprint("instance-", i), rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	return s
}

func (s *sender) run(instance string, r *rand.Rand) {
	for n := uint64(1); ; n++ {
		select {
		case <-s.stop:
			return
		default:
		}
		b := storetest.Batch(instance, n, 60)
		for end := time.Now().Add(2 * time.Minute); ; {
			_, err := s.stores[r.IntN(len(s.stores))].Append(context.Background(), b)
			if err == nil {
				break
			}
			if !errors.Is(err, store.ErrUnavailable) || time.Now().After(end) {
				s.t.Errorf("batch %d of %s: %v", n, instance, err)
				return
			}
			s.mu.Lock()
			s.refused++
			s.mu.Unlock()
		}
		s.mu.Lock()
		s.sent++
		_, err := s.oracle.Append(context.Background(), b)
		s.mu.Unlock()
		if err != nil {
			s.t.Error(err)
		}
	}
}

// more waits until so many more batches are acknowledged.
func (s *sender) more(n int) {
	s.t.Helper()
	goal := s.count() + n
	for end := time.Now().Add(2 * time.Minute); s.count() < goal; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) || s.t.Failed() {
			s.t.Fatalf("%d batches are acknowledged, %d are expected", s.count(), goal)
		}
	}
}

func (s *sender) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// end stops the senders and compares all stores with what was acknowledged.
func (s *sender) end() {
	s.t.Helper()
	close(s.stop)
	s.work.Wait()
	for _, st := range s.stores {
		storetest.Same(s.t, st, s.oracle)
	}
	s.t.Logf("%d batches, %d times refused", s.sent, s.refused)
}

// trusted waits until each replica has had all there was.
func trusted(t testing.TB, s *Store) {
	t.Helper()
	for _, sh := range s.shards {
		for _, n := range sh.nodes {
			for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
				if _, trusted, err := s.session(t.Context(), n); err == nil && trusted {
					break
				} else if time.Now().After(end) {
					t.Fatalf("%s is not trusted: %v", n.host, err)
				}
			}
		}
	}
}

// failing is what a report says that cannot be made.
func failing(t testing.TB, s *Store) string {
	t.Helper()
	for _, err := range s.Rollups(t.Context(), store.RollupQuery{Window: everything}) {
		if err != nil {
			if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), password) {
				t.Errorf("the error is %v", err)
			}
			return err.Error()
		}
	}
	return "nothing"
}

// Replicas are killed while batches come in, one after the other, and come back.
// Nothing is refused for good, and what was acknowledged counts once.
func TestKilledReplicas(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 2, 2)
	s := open(t, servers.URL("kymo"), Options{tuning: quick})
	out := newSender(t, s, open(t, servers.URL("kymo"), Options{tuning: quick}))
	for _, victim := range []*serverstest.ClickHouseServer{
		servers.Nodes[0][0], servers.Nodes[1][0], servers.Nodes[0][1], servers.Nodes[0][0], servers.Nodes[1][1],
	} {
		out.more(20)
		victim.Kill()
		out.more(20)
		victim.Start()
		for _, s := range out.stores {
			trusted(t, s)
		}
	}
	out.more(20)
	out.end()
}

// A replica that hangs does not delay others for long.
func TestFrozenReplica(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 1, 2)
	s := open(t, servers.URL("kymo"), Options{tuning: quick})
	out := newSender(t, s)
	out.more(10)
	trusted(t, s)
	servers.Nodes[0][0].Freeze()
	out.more(40)
	if _, err := s.Append(t.Context(), storetest.Batch("other", 1, 5)); err != nil {
		t.Error(err)
	}
	if _, err := out.oracle.Append(t.Context(), storetest.Batch("other", 1, 5)); err != nil {
		t.Error(err)
	}
	servers.Nodes[0][0].Thaw()
	out.more(10)
	out.end()
}

// A replica that hangs while it makes an answer is not waited for; the other one gives it.
func TestReplicaThatHangsInAnAnswer(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 1, 2)
	s := open(t, servers.URL("kymo"), Options{tuning: quick})
	trusted(t, s)
	ended := make(chan error, 1)
	go func() {
		c, err := ask(t.Context(), s, s.ledger(), question{sql: "SELECT toInt64(sleep(3))", snap: new(snapshot)}, func(rows driver.Rows) (n int64, err error) {
			err = rows.Scan(&n)
			return n, err
		})
		if err == nil {
			c.close()
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("the answer came at once: %v", err)
	case <-time.After(time.Second):
	}
	servers.Nodes[0][0].Freeze()
	defer servers.Nodes[0][0].Thaw()
	select {
	case err := <-ended:
		if err != nil || s.ledger().nodes[0].avoided() == nil {
			t.Errorf("the answer is %v, and the replica that hangs is not avoided", err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("there is no answer")
	}
}

// Without a shard nothing is acknowledged that belongs there, and no report gives
// smaller numbers: it names the missing shard.
func TestShardAway(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 2, 2)
	s := open(t, servers.URL("kymo"), Options{tuning: tuning{pace: 1, hold: 1, sealing: quick.sealing}})
	oracle := storetest.NewOracle()
	mustAppend(t, s, oracle, storetest.Batch("a", 1, 70))
	for number, shard := range servers.Nodes {
		name := fmt.Sprintf("shard %d", number+1)
		for _, node := range shard {
			node.Stop()
		}
		if said := failing(t, s); !strings.Contains(said, name) {
			t.Errorf("without %s a report says: %s", name, said)
		}
		if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s the check says: %v", name, err)
		}
		b := storetest.Batch("a", uint64(2+number), 70)
		if _, err := s.Append(t.Context(), b); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("without %s a batch is answered with %v", name, err)
		}
		for _, node := range shard {
			node.Start()
		}
		for end := time.Now().Add(time.Minute); ; {
			if fresh, err := s.Append(t.Context(), b); err == nil && fresh[0] {
				break
			} else if err == nil || time.Now().After(end) {
				t.Fatalf("with %s again: %v, %v", name, fresh, err)
			}
		}
		if _, err := oracle.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		storetest.Same(t, s, oracle)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// What only a replica has that is away is missed, not left out of the numbers.
func TestReplicaThatLacksSomething(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 1, 2)
	s := open(t, servers.URL("kymo"), Options{tuning: quick})
	oracle := storetest.NewOracle()
	mustAppend(t, s, oracle, storetest.Batch("a", 1, 70))
	first, second := servers.Nodes[0][0], servers.Nodes[0][1]
	second.Kill()
	mustAppend(t, s, oracle, storetest.Batch("a", 2, 70))
	first.Kill()
	second.Start()
	if said := failing(t, s); !strings.Contains(said, errBehind.Error()) {
		t.Errorf("without what the other replica has a report says: %s", said)
	}
	first.Start()
	storetest.Same(t, s, oracle)
	trusted(t, s) // so each of them has all of it
	first.Kill()
	storetest.Same(t, open(t, servers.URL("kymo"), Options{tuning: quick}), oracle)
}

// Nothing is acknowledged that a replica which is alive does not get.
func TestReplicaThatDoesNotFollow(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 1, 2)
	s := open(t, servers.URL("kymo"), Options{tuning: tuning{pace: 1, hold: 1, sealing: quick.sealing}})
	oracle := storetest.NewOracle()
	mustAppend(t, s, oracle, storetest.Batch("a", 1, 70))
	servers.Nodes[0][1].SQL("SYSTEM STOP FETCHES")
	_, err := s.Append(t.Context(), storetest.Batch("a", 2, 70))
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), servers.Nodes[0][1].Addr()+": "+errBehind.Error()) {
		t.Errorf("while a replica does not follow: %v", err)
	}
	storetest.Same(t, s, oracle)
	servers.Nodes[0][1].SQL("SYSTEM START FETCHES")
	mustAppend(t, s, oracle, storetest.Batch("a", 2, 70))
	storetest.Same(t, s, oracle)
}

// One that has long been gone does not stand in for one that is alive and lags.
func TestReplicaThatIsLongGone(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 1, 3)
	s := open(t, servers.URL("kymo"), Options{tuning: tuning{pace: 1, hold: 1, sealing: quick.sealing}})
	oracle := storetest.NewOracle()
	mustAppend(t, s, oracle, storetest.Batch("a", 1, 70))
	trusted(t, s)
	servers.Nodes[0][2].Kill()
	for end := time.Now().Add(time.Minute); servers.Nodes[0][0].SQL("SELECT max(active_replicas) FROM system.replicas") != "2"; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("ZooKeeper still takes it for alive")
		}
	}
	b := storetest.Batch("a", 2, 70)
	for end := time.Now().Add(time.Minute); ; {
		if _, err := s.Append(t.Context(), b); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if _, err := oracle.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	servers.Nodes[0][1].SQL("SYSTEM STOP FETCHES")
	if _, err := s.Append(t.Context(), storetest.Batch("a", 3, 70)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("while a replica does not follow: %v", err)
	}
	servers.Nodes[0][1].SQL("SYSTEM START FETCHES")
	mustAppend(t, s, oracle, storetest.Batch("a", 3, 70))
	storetest.Same(t, s, oracle)
}

// ZooKeeper is restarted while batches come in. Without it nothing is
// acknowledged, and nothing is lost.
func TestZooKeeperRestart(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 2, 2)
	s := open(t, servers.URL("kymo"), Options{tuning: quick})
	out := newSender(t, s)
	for range 2 {
		out.more(20)
		servers.ZooKeeper.Stop()
		if said := failing(t, s); said == "nothing" {
			t.Error("a report that cannot know whether it is whole is given")
		}
		servers.ZooKeeper.Start()
	}
	out.more(20)
	out.end()
}

// The suite of every store, on two shards of two replicas each.
func TestConformanceOfCluster(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 2, 2)
	conform(t, func() string { return servers.URL(fmt.Sprintf("kymo%d", databases.Add(1))) })
}
