package probe

import (
	"context"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/timeout"
)

// databaseTypes are the types that keep data.
var databaseTypes = map[string]constructor{
	"postgres":   newPostgres,
	"mysql":      newMySQL,
	"redis":      newRedis,
	"clickhouse": newClickHouse,
}

// clientName is how the hub names its connections to servers that list them.
const clientName = "kymo"

// database is a client of one server that keeps its connection from run to run.
type database interface {
	// run probes once. A broken connection is not reused: the next run opens
	// another.
	run(ctx context.Context) (health.Details, error)
	// drop closes the connections. The next run opens others.
	drop()
	close()
}

// databaseLines are a database's connections.
type databaseLines struct {
	database
	lines *lines
}

func (d *databaseLines) oldest() time.Time { return d.lines.oldest() }

func (d *databaseLines) close() {
	d.database.close()
	d.lines.end()
}

// databaseProbe returns the probe of a database. Its errors contain no secrets.
func databaseProbe(s *Spec, a *address, d database, l *lines) health.Probe {
	kept, to := &databaseLines{d, l}, target{s.Type, a.shown()}
	return health.Probe{
		Kind: s.Type,
		Run: fresh(kept, func(ctx context.Context) (health.Details, error) {
			before := l.dials()
			details, err := d.run(ctx)
			// The kept connection broke between two runs, which does not mean
			// that the server is down now.
			if err != nil && isLost(err) && l.dials() == before && ctx.Err() == nil {
				details, err = d.run(ctx)
			}
			return details, to.tell(explain(ctx, err, a.secrets))
		}),
		Close: func() error {
			kept.close()
			return nil
		},
	}
}

// limitOf returns how long a run may take, 0 if it has no limit.
func limitOf(ctx context.Context) time.Duration {
	limit := timeout.Of(ctx)
	if deadline, ok := ctx.Deadline(); ok && limit == 0 {
		limit = time.Until(deadline)
	}
	return limit
}

// checkLimits returns what is wrong with the limits of a spec.
func checkLimits(s *Spec) error {
	for _, share := range []struct {
		key   string
		value float64
	}{{"max_connections", s.MaxConnections}, {"max_memory", s.MaxMemory}} {
		if !(share.value >= 0 && share.value <= 1) { // not a number is neither
			return wrong(share.key, "is %v; it is a share, from 0 to 1: 0.9 is nine tenths", share.value)
		}
	}
	if s.MaxLag < 0 {
		return wrong("max_lag", "is %s; must not be negative", s.MaxLag)
	}
	return nil
}
