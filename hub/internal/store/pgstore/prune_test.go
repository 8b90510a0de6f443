package pgstore

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// on returns a batch of requests on a day, counted from today.
func on(day int64, sequence uint64) *wire.Batch {
	b := requests("a", sequence, 1000)
	for i := range b.Start {
		b.Start[i] = storetest.Noon/dayMillis*dayMillis + day*dayMillis + int64(i)
	}
	return b
}

func mustAppend(t *testing.T, s *Store, batches ...*wire.Batch) {
	t.Helper()
	if _, err := s.Append(t.Context(), batches...); err != nil {
		t.Fatal(err)
	}
}

const countDays = `SELECT count(*) FROM pg_inherits WHERE inhparent = 'api_metrics'::regclass`

// Several hubs prune at once while others write and read: partitions go, no call fails,
// and what is kept is whole.
func TestPruneTogether(t *testing.T) {
	url := database(t, serverstest.Postgres(t))
	opts := Options{tuning: tuning{drop: time.Minute}}
	a, b := open(t, url, opts), open(t, url, opts)
	conn := connect(t, url)
	for day := range int64(6) {
		mustAppend(t, a, on(-day, uint64(day)))
	}
	if got := ask(t, conn, countDays); got != "8" { // these and two ahead
		t.Fatalf("%s partitions", got)
	}
	floor := storetest.Noon/dayMillis*dayMillis - 2*dayMillis
	var work sync.WaitGroup
	for _, s := range []*Store{a, b, a, b} {
		work.Go(func() {
			if err := s.Prune(t.Context(), floor); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range uint64(20) {
		mustAppend(t, b, on(0, 100+i))
	}
	work.Wait()
	if got := ask(t, conn, countDays); got != "5" {
		t.Errorf("%s partitions are left, want 5", got)
	}
	if got := ask(t, conn, `SELECT count(*), min(start) FROM kymo_pages WHERE level = 3`); got == "0 <nil>" {
		t.Errorf("pages: %s", got)
	}
	want := 3*1000 + 20*1000
	n := 0
	for r, err := range a.Rollups(t.Context(), store.RollupQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		n += int(r.Durations.Count())
	}
	if n != want {
		t.Errorf("%d requests are counted, want %d", n, want)
	}
	if a.Floor() != floor {
		t.Errorf("the floor is %d, not %d", a.Floor(), floor)
	}
	// A row of a day that was pruned makes no partition: reports would not see it.
	mustAppend(t, a, on(-5, 200), on(0, 201))
	if got := ask(t, conn, `SELECT count(*) FROM api_metrics`); got != fmt.Sprint(want+1000) {
		t.Errorf("%s rows with late ones, want %d", got, want+1000)
	}
	if err := b.Prune(t.Context(), floor-dayMillis); err != nil { // nothing comes back
		t.Fatal(err)
	}
	if got := ask(t, conn, countDays); got != "5" {
		t.Errorf("%s partitions afterwards, want 5", got)
	}
}

// A long query does not block writers and does not lose rows. The partition is dropped
// when it is done, by the next hub that prunes.
func TestPruneWhileSomebodyReads(t *testing.T) {
	url := database(t, serverstest.Postgres(t))
	s := open(t, url, Options{tuning: tuning{drop: 200 * time.Millisecond}})
	patient := open(t, url, Options{tuning: tuning{drop: time.Minute}})
	conn, watch := connect(t, url), connect(t, url)
	mustAppend(t, s, on(0, 0), on(-3, 1))
	tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, tx.Conn(), `SELECT count(*) FROM api_metrics`); got != "2000" {
		t.Fatalf("%s rows", got)
	}
	floor := storetest.Noon/dayMillis*dayMillis - dayMillis
	if err := s.Prune(t.Context(), floor); err == nil {
		t.Error("a partition that is read is dropped")
	}
	mustAppend(t, s, on(0, 2), on(-3, 3)) // the second on the very day
	if got := ask(t, tx.Conn(), `SELECT count(*) FROM api_metrics`); got != "2000" {
		t.Errorf("the reader has %s rows now", got)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := patient.Prune(t.Context(), floor); err != nil {
		t.Error(err)
	}
	if got := ask(t, watch, countDays+` AND NOT inhdetachpending`); got != "3" {
		t.Errorf("%s partitions are left, want 3", got)
	}
	if got := ask(t, watch, `SELECT count(*) FROM pg_class WHERE relname ~ '^api_metrics_[0-9]{8}$'`); got != "3" {
		t.Errorf("%s tables are left, want 3", got)
	}
}

// A store beyond its size loses its oldest days, but never today.
func TestPruneToSize(t *testing.T) {
	s := open(t, database(t, serverstest.Postgres(t)), Options{})
	for day := range int64(4) {
		mustAppend(t, s, on(-day, uint64(day)))
	}
	if before, err := s.PruneToSize(t.Context(), 1<<30); before != 0 || err != nil {
		t.Errorf("with room enough: %d, %v", before, err)
	}
	today := time.Now().UnixMilli() / dayMillis * dayMillis
	if before, err := s.PruneToSize(t.Context(), 1); before != today || err != nil {
		t.Errorf("without room: all before %d, %v; want %d", before, err, today)
	}
	if before, err := s.PruneToSize(t.Context(), 1); before != 0 || err != nil {
		t.Errorf("once more: %d, %v", before, err)
	}
}

// Requests of an instance remain readable without its row, which is gone because the
// instance's clock was ahead, or because someone deleted it.
func TestForgottenInstance(t *testing.T) {
	url := database(t, serverstest.Postgres(t))
	s := open(t, url, Options{})
	b := on(0, 0)
	b.Health = append(b.Health, wire.HealthResult{Check: "redis", From: b.Start[0], To: b.Start[0]})
	mustAppend(t, s, b)
	if _, err := connect(t, url).Exec(t.Context(), `DELETE FROM kymo_instances`); err != nil {
		t.Fatal(err)
	}
	n := 0
	for r, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if err != nil || r.Instance != "" {
			t.Fatalf("got %+v, %v", r, err)
		}
		n++
	}
	if n != b.Len() {
		t.Errorf("%d requests, want %d", n, b.Len())
	}
	n = 0
	for r, err := range s.Health(t.Context(), store.HealthQuery{Window: everything}) {
		if err != nil || r.Instance != "" {
			t.Fatalf("got %+v, %v", r, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d health results, want 1", n)
	}
}
