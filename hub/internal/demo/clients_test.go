package demo

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestConnectionsThatAreTooMany are not kept.
func TestConnectionsThatAreTooMany(t *testing.T) {
	c, _ := troubled(t)
	d, err := newDatabaseClient(c.databaseURL())
	if err != nil {
		t.Fatal(err)
	}
	d.idle = make(chan *pgconn.PgConn)
	if err := d.query(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"postgres://[", "redis://["} {
		if _, err := newDatabaseClient(bad); err == nil {
			t.Errorf("%s is a database", bad)
		}
		if _, err := newCacheClient(bad); err == nil {
			t.Errorf("%s is a cache", bad)
		}
	}
}
