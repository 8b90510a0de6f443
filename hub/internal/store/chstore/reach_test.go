package chstore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/kymohq/kymo/internal/serverstest"
)

// twoNodes is a store whose shard has its server twice, as if it were two.
func twoNodes(t testing.TB, server *serverstest.ClickHouseServer) (s *Store, a, b *node) {
	t.Helper()
	s = open(t, database(server), Options{tuning: quick})
	conn, err := s.connect(server.Addr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b = s.ledger().nodes[0], &node{host: "b", ledger: true, conn: conn}
	s.ledger().nodes = append(s.ledger().nodes, b)
	return s, a, b
}

// Each server of a shard is asked once, whatever becomes known of it meanwhile.
func TestReachEachOnce(t *testing.T) {
	s, a, b := twoNodes(t, serverstest.ClickHouse(t, password))
	hosts := func(fail func(n *node) error) (asked []string, err error) {
		err = s.reach(t.Context(), s.ledger(), func(n *node) error {
			asked = append(asked, n.host)
			return fail(n)
		})
		return asked, err
	}
	past := func(n *node) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.avoid = time.Time{}
	}
	both := []string{a.host, b.host}

	a.shun(errNoZooKeeper, true)
	asked, err := hosts(func(*node) error { past(a); return errBehind }) // it is no longer avoided when its turn comes
	if !slices.Equal(asked, []string{b.host, a.host}) || !errors.Is(err, errBehind) {
		t.Errorf("asked were %v: %v", asked, err)
	}
	b.shun(errNoZooKeeper, true)
	asked, err = hosts(func(*node) error { return errNoZooKeeper })
	if !slices.Equal(asked, both) || !errors.Is(err, errNoZooKeeper) {
		t.Errorf("asked were %v: %v", asked, err)
	}
	past(b)
	asked, err = hosts(func(n *node) error {
		if n == b {
			return nil
		}
		return errNoZooKeeper
	})
	if want := []string{b.host}; err != nil || !slices.Equal(asked, want) {
		t.Errorf("asked were %v: %v", asked, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.reach(ended, s.ledger(), func(*node) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("when no caller waits any more: %v", err)
	}
}

// A server that could not do something is asked after the others, but still has to
// have what is acknowledged; one that did not answer is not waited for.
func TestShun(t *testing.T) {
	_, a, b := twoNodes(t, serverstest.ClickHouse(t, password))
	a.shun(&clickhouse.Exception{Code: tooManyParts}, true)
	b.shun(errNoZooKeeper, false)
	if a.avoided() == nil || a.away() != nil || b.avoided() == nil || b.away() == nil {
		t.Errorf("avoided are %v and %v, away %v and %v", a.avoided(), b.avoided(), a.away(), b.away())
	}
	const syntaxError = 62
	for code, want := range map[int32]bool{syntaxError: false, memoryLimitExceeded: true, tooManySimultaneousQueries: true, queryWasCancelled: true} {
		if got := elsewhere(&clickhouse.Exception{Code: code}); got != want {
			t.Errorf("another server may do better after error %d: %v", code, got)
		}
	}
}

// An answer may take longer than others do, and one that takes too long is not asked
// for again elsewhere: that would take as long.
func TestLongAnswer(t *testing.T) {
	server := serverstest.ClickHouse(t, password)
	s, a, b := twoNodes(t, server)
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{server.Addr()}, Auth: clickhouse.Auth{Password: password}, ReadTimeout: 200 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer a.conn.Close()
	a.conn = conn
	slow := func(rows driver.Rows) (slept int64, err error) { return slept, rows.Scan(&slept) }
	c, err := ask(t.Context(), s, s.ledger(), question{sql: "SELECT toInt64(sleep(1))", snap: new(snapshot)}, slow)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.each(func(int64) bool { return true }); err != nil || a.avoided() != nil {
		t.Errorf("a slow answer: %v; avoided: %v", err, a.avoided())
	}
	s.patience = 300 * time.Millisecond
	_, err = ask(t.Context(), s, s.ledger(), question{sql: "SELECT toInt64(sleep(1))", snap: new(snapshot)}, slow)
	if !timedOut(err) || !strings.HasPrefix(err.Error(), "shard 1: "+a.host) || strings.Contains(err.Error(), b.host+":") {
		t.Errorf("an answer that takes too long: %v", err)
	}
	if a.avoided() != nil {
		t.Errorf("its server is avoided: %v", a.avoided())
	}
	ended, end := context.WithCancelCause(t.Context())
	end(errSilent)
	if err := a.why(ended, ended.Err()); !errors.Is(err, errSilent) || !elsewhere(err) {
		t.Errorf("a server that hangs: %v", err)
	}
}
