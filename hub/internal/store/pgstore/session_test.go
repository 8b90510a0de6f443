package pgstore

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kymohq/kymo/internal/serverstest"
)

// A transaction that a limit of the database ended before it could lift the limit is begun
// again, with another connection; one that always takes too long is given up.
func TestBeginsAgain(t *testing.T) {
	url := database(t, serverstest.Postgres(t))
	quiet := defaultTuning
	quiet.mergeEvery = time.Hour // nothing else begins a transaction
	s := open(t, url, Options{tuning: quiet})
	// The first of them meet the limit, however busy the machine is, and others have none.
	first := func(n int) string {
		return fmt.Sprintf("BEGIN; SELECT set_config('statement_timeout', CASE WHEN nextval('begun') <= %[1]d THEN '50' ELSE '0' END, true); "+
			"SELECT pg_sleep(CASE WHEN currval('begun') <= %[1]d THEN 5 ELSE 0 END)", n)
	}
	conn := connect(t, url)
	do(t, conn, "CREATE SEQUENCE begun")
	s.session.write = first(2)
	calls := 0
	err := s.writing(t.Context(), func(tx pgx.Tx) error {
		calls++
		_, err := tx.Exec(t.Context(), "SELECT 1")
		return err
	})
	if err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	if begun := ask(t, conn, "SELECT last_value FROM begun"); begun != "3" {
		t.Errorf("begun %s times, want 3", begun)
	}
	s.session.write = first(1000)
	err = s.writing(t.Context(), func(pgx.Tx) error { return nil })
	if begun := ask(t, conn, "SELECT last_value FROM begun"); state(err) != stateQueryCanceled || begun != "13" {
		t.Errorf("begun %s times, want 13: %v", begun, err)
	}
	s.session.write = "BEGIN; SELECT set_config('statement_timeout', '50', true)"
	err = s.writing(t.Context(), func(tx pgx.Tx) error {
		calls++
		_, err := tx.Exec(t.Context(), "SELECT pg_sleep(5)")
		return err
	})
	if state(err) != stateQueryCanceled || calls != 2 {
		t.Errorf("a slow statement: %d calls, %v", calls, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.writing(ended, func(pgx.Tx) error { return nil }); err == nil {
		t.Error("a context that is over is enough")
	}
}
