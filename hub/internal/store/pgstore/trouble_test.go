package pgstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// requests returns a batch of n requests that start one second apart.
func requests(instance string, sequence uint64, n int) *wire.Batch {
	b := wire.NewBuilder()
	for i := range n {
		b.Add(&wire.Request{
			Key: wire.Key{Service: "shop", Endpoint: fmt.Sprintf("/e%d/{id}", i%7), Method: "GET", Status: 200}, User: "u",
			Start: storetest.Noon + int64(i)*1000, Duration: time.Duration(sequence*1000 + uint64(i)),
		})
	}
	return b.Batch(instance, sequence)
}

var everything = window(0, storetest.Noon+30*dayMillis)

// same fails the test unless a store has the data of the oracle: in its sums, and row by
// row.
func same(t *testing.T, s *Store, oracle *storetest.Oracle) {
	t.Helper()
	got, want := storetest.Rollups(t, s, store.RollupQuery{Window: everything}), storetest.Rollups(t, oracle, store.RollupQuery{Window: everything})
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("the rollups are\n%s\nwant\n%s", g, w)
	}
	n := 0
	for _, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	m := 0
	for range oracle.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		m++
	}
	if n != m {
		t.Errorf("there are %d requests, want %d", n, m)
	}
}

// Four hubs get the same batches at the same time, in different orders.
func TestManyHubs(t *testing.T) {
	url := database(t, serverstest.Postgres(t))
	oracle := storetest.NewOracle()
	const instances, batches, hubs = 6, 25, 4
	var sent []*wire.Batch
	for i := range instances * batches {
		b := requests(fmt.Sprint("instance-", i%instances), uint64(i/instances), 40)
		sent = append(sent, b)
		if _, err := oracle.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	var stores [hubs]*Store
	var opening, sending sync.WaitGroup
	for i := range stores { // they make the tables at once, too
		opening.Go(func() {
			var err error
			if stores[i], err = Open(url, Options{tuning: tuning{mergeEvery: time.Millisecond, parts: 2}}); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	if t.Failed() {
		return
	}
	var mu sync.Mutex
	fresh := 0
	for i, s := range stores {
		defer s.Close()
		for j := range 5 { // senders
			sending.Go(func() {
				for k := j; k < len(sent); k += 5 {
					// Several to a call, of several instances.
					at := (k*(2*i+1) + i*37) % len(sent)
					pair := []*wire.Batch{sent[at], sent[(at+1)%len(sent)], sent[k]}
					kept, err := s.Append(context.Background(), pair...)
					if err != nil {
						t.Errorf("hub %d: %v", i, err)
						return
					}
					mu.Lock()
					for _, is := range kept {
						if is {
							fresh++
						}
					}
					mu.Unlock()
				}
			})
		}
	}
	sending.Wait()
	if fresh != len(sent) {
		t.Errorf("%d batches were new, want %d", fresh, len(sent))
	}
	for _, s := range stores {
		same(t, s, oracle)
	}
}

// All connections are ended again and again while batches come in.
func TestTerminatedConnections(t *testing.T) {
	server := serverstest.Postgres(t)
	s := open(t, database(t, server), Options{tuning: tuning{hold: time.Minute}})
	oracle := storetest.NewOracle()
	const cuts = 50
	cut := 0
	enough := make(chan struct{})
	kept := make(chan struct{}, 1) // a batch was, since it was asked last
	go func() {
		defer close(kept)
		for i := uint64(0); ; i++ {
			b := requests("a", i, 20)
			if _, err := s.Append(context.Background(), b); err != nil {
				t.Errorf("batch %d: %v", i, err)
				return
			}
			if _, err := oracle.Append(context.Background(), b); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-enough:
				return
			case kept <- struct{}{}:
			default:
			}
		}
	}()
	// A batch is cut off twice at most, however slowly it is written.
	for range kept {
		if cut >= cuts {
			close(enough)
			break
		}
		cut += strings.Count(server.SQL(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kymo'`), "t")
	}
	for range kept { // until the last batch was
	}
	same(t, s, oracle)
}

// Batches during a restart of the server wait, and are kept.
func TestRestart(t *testing.T) {
	server := serverstest.Postgres(t)
	s := open(t, database(t, server), Options{tuning: tuning{hold: time.Minute}})
	oracle := storetest.NewOracle()
	server.Stop()
	done := make(chan error, 1)
	go func() {
		_, err := s.Append(context.Background(), requests("a", 1, 20))
		done <- err
	}()
	for s.gatherer.Trouble() == nil {
		select {
		case err := <-done:
			t.Fatalf("answered while the server was away: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	if s.Waiting() != 1 {
		t.Errorf("%d calls wait, not 1", s.Waiting())
	}
	server.Start()
	if err := <-done; err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if _, err := oracle.Append(t.Context(), requests("a", 1, 20)); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	same(t, s, oracle)
}

// If the server is away for longer, every operation reports that, without the password.
func TestAway(t *testing.T) {
	server := serverstest.Postgres(t)
	s := open(t, database(t, server), Options{tuning: tuning{hold: 1}})
	server.Stop()
	_, err := s.Append(t.Context(), requests("a", 1, 20))
	errs := map[string]error{"append": err, "check": s.Check(t.Context()), "prune": s.Prune(t.Context(), storetest.Noon)}
	for _, err := range s.Rollups(t.Context(), store.RollupQuery{Window: everything}) {
		errs["rollups"] = err
	}
	for _, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		errs["requests"] = err
	}
	for _, err := range s.Health(t.Context(), store.HealthQuery{Window: everything}) {
		errs["health"] = err
	}
	for _, err := range s.HealthNames(t.Context(), everything) {
		errs["names"] = err
	}
	_, errs["size"] = s.PruneToSize(t.Context(), 0)
	for what, err := range errs {
		if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), serverstest.PostgresPassword) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(errs) != 8 {
		t.Errorf("%d operations failed", len(errs))
	}
	server.Start()
	if fresh, err := s.Append(t.Context(), requests("a", 1, 20)); err != nil || !fresh[0] {
		t.Errorf("afterwards: %v, %v", fresh, err)
	}
}

// A server that accepts connections and never answers must not block a caller forever.
func TestFrozen(t *testing.T) {
	server := serverstest.Postgres(t)
	s := open(t, database(t, server), Options{tuning: tuning{hold: 1, limit: 3 * time.Second}})
	server.Freeze()
	_, err := s.Append(t.Context(), requests("a", 1, 20))
	server.Thaw()
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Append(t.Context(), requests("a", 1, 20)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// tooLarge makes statements with more than a hundred requests take forever. It counts in
// sequences, which no rollback undoes, how often such a statement was canceled. The first
// small one after that loses its connection.
const tooLarge = `
	CREATE SEQUENCE ended; CREATE SEQUENCE small;
	CREATE FUNCTION too_large() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF (SELECT count(*) FROM fresh) > 100 THEN
			PERFORM pg_sleep(3600);
		ELSIF (SELECT is_called FROM ended) THEN
			IF nextval('small') = 1 THEN
				PERFORM pg_terminate_backend(pg_backend_pid());
			END IF;
		END IF;
		RETURN NULL;
	EXCEPTION WHEN query_canceled THEN
		PERFORM nextval('ended');
		RAISE;
	END $$;
	CREATE TRIGGER too_large AFTER INSERT ON api_metrics REFERENCING NEW TABLE AS fresh
		FOR EACH STATEMENT EXECUTE FUNCTION too_large()`

// If groups are too large for the time limit of statements, they are made smaller, even if
// a connection is lost meanwhile.
func TestStatementTimeLimit(t *testing.T) {
	url := database(t, serverstest.Postgres(t))
	open(t, url, Options{}).Close()
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), tooLarge); err != nil {
		t.Fatal(err)
	}
	url += "&statement_timeout=2000"
	s := open(t, url, Options{tuning: tuning{hold: time.Minute}})
	oracle := storetest.NewOracle()
	var taken []*pgxpool.Conn // all of them, so that the calls gather
	for range s.pool.Config().MaxConns {
		c, err := s.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, c)
	}
	var calls sync.WaitGroup
	const batches = 7
	for i := range uint64(batches) {
		// Of instances of their own, or groups would wait for each other's rows, and
		// the server ends that, too.
		b := requests(fmt.Sprint("instance-", i), 1, 40)
		if _, err := oracle.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		calls.Go(func() {
			if fresh, err := s.Append(t.Context(), b); err != nil || !fresh[0] {
				t.Errorf("batch %d: %v, %v", i, fresh, err)
			}
		})
	}
	for s.Waiting() < batches {
		<-time.After(time.Millisecond)
	}
	for _, c := range taken {
		c.Release()
	}
	calls.Wait()
	same(t, s, oracle)
	if got := ask(t, conn, `SELECT ended.is_called, small.is_called FROM ended, small`); got != "true true" {
		t.Errorf("a statement was too large, and a connection lost: %s", got)
	}
	// One that no splitting helps is given back with what the server said.
	s = open(t, url, Options{tuning: tuning{hold: 1}})
	if _, err := s.Append(t.Context(), requests("a", 100, 200)); !errors.Is(err, store.ErrUnavailable) || state(err) != stateQueryCanceled {
		t.Errorf("a batch that takes too long: %v", err)
	}
	same(t, s, oracle)
}

// A full disk loses nothing, and once there is room, batches are taken again.
func TestFullDisk(t *testing.T) {
	server := serverstest.Postgres(t)
	url := database(t, server)
	disk, err := os.MkdirTemp("", "kymo-small-") // t.TempDir is for this user alone
	if err != nil {
		t.Fatal(err)
	}
	resize := func(flags uintptr, size int) {
		t.Helper()
		if err := syscall.Mount("tmpfs", disk, "tmpfs", flags, fmt.Sprintf("size=%d", size)); err != nil {
			t.Fatalf("mounting a small file system, for which this test must run as root: %v", err)
		}
	}
	resize(0, 3<<20)
	t.Cleanup(func() {
		server.Stop()
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
		if err := os.Remove(disk); err != nil {
			t.Error(err)
		}
	})
	server.Own(disk)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	server.SQL("CREATE TABLESPACE small LOCATION '"+disk+"'", "ALTER DATABASE "+name+" SET default_tablespace = small")
	s := open(t, url, Options{tuning: tuning{hold: 1}})
	oracle := storetest.NewOracle()
	var refused *wire.Batch
	for i := uint64(0); refused == nil; i++ {
		b := requests("a", i, 500)
		switch _, err := s.Append(t.Context(), b); {
		case errors.Is(err, store.ErrFull):
			refused = b
		case err != nil:
			t.Fatal(err)
		case i > 1000:
			t.Fatal("the disk does not become full")
		default:
			if _, err := oracle.Append(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	same(t, s, oracle)
	resize(syscall.MS_REMOUNT, 64<<20)
	for _, log := range []store.Store{s, oracle} {
		if fresh, err := log.Append(t.Context(), refused); err != nil || !fresh[0] {
			t.Errorf("with room again: %v, %v", fresh, err)
		}
	}
	same(t, s, oracle)
}
