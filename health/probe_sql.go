package health

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// SQL returns a probe of a database over a connection of db's pool: a ping, and a
// query that every database knows. A pool with no connection left is degraded, and
// down if none became free within the timeout.
func SQL(db *sql.DB) Probe {
	return SQLQuery(db, "SELECT 1")
}

// SQLQuery is SQL with another query, of which the first row is read.
func SQLQuery(db *sql.DB, query string) Probe {
	return Probe{Kind: "sql", Run: func(ctx context.Context) (Details, error) {
		if db == nil {
			return nil, errors.New("the *sql.DB is nil")
		}
		err := askDatabase(ctx, db, query)
		s := db.Stats()
		details := Details{"open": s.OpenConnections, "in_use": s.InUse, "idle": s.Idle}
		full := s.MaxOpenConnections > 0 && s.InUse >= s.MaxOpenConnections
		saturated := fmt.Sprintf("the pool is saturated: %d of %d connections in use", s.InUse, s.MaxOpenConnections)
		switch {
		case err != nil && full && ctx.Err() != nil:
			return details, lateError(saturated + ", and none became free in time")
		case err != nil:
			return details, err
		case full:
			return details, Degradedf("%s", saturated)
		}
		return details, nil
	}}
}

func askDatabase(ctx context.Context, db *sql.DB, query string) error {
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	rows.Next() // a query without a row is no failure
	return errors.Join(rows.Err(), rows.Close())
}
