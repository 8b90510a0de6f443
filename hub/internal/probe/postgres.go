package probe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/kymohq/kymo/health"
)

// postgresStatus reads everything in one round trip. It works for a user without
// privileges, who sees all rows but not most columns, and requires PostgreSQL 10.
// The functions are those under the views pg_stat_activity, pg_stat_wal_receiver
// and pg_stat_replication, which would take four times as long: their joins have
// to be planned each time.
//
// Connections are counted against what ordinary users may have: the rest is
// kept for superusers. A standby that has replayed all it received is not
// behind, however old the last transaction is, as long as it does receive. Nor
// is one that has replayed all there is, although replay_lag keeps its last
// value for 10 s.
const postgresStatus = `SELECT
	current_setting('server_version'),
	pg_is_in_recovery(),
	current_setting('transaction_read_only'),
	(SELECT count(*) FROM pg_stat_get_activity(NULL) WHERE datid <> 0 AND usesysid <> 0
		AND coalesce(backend_type, 'client backend') = 'client backend'),
	current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
	receivers, senders, hidden,
	round(1000 * CASE
		WHEN NOT pg_is_in_recovery() THEN coalesce(extract(epoch FROM lag), 0)
		WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND receivers > 0 THEN 0
		ELSE extract(epoch FROM now() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))
	END),
	CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0') END,
	replayed
FROM (SELECT count(pid) AS receivers FROM pg_stat_get_wal_receiver()) AS r,
	(SELECT count(*) AS senders, count(*) FILTER (WHERE state IS NULL) AS hidden,
		max(CASE
			WHEN pg_is_in_recovery() THEN NULL
			WHEN replay_lsn >= pg_current_wal_flush_lsn() THEN '0'
			ELSE coalesce(replay_lag, '0')
		END) AS lag, min(pg_wal_lsn_diff(replay_lsn, '0/0')) AS replayed FROM pg_stat_get_wal_senders()) AS s`

// postgres probes a PostgreSQL over one connection.
type postgres struct {
	spec   *Spec
	config *pgconn.Config
	lines  *lines
	conn   *pgconn.PgConn // nil before the first
	marks  walMarks
}

func newPostgres(s *Spec) (health.Probe, error) {
	a, err := parseAddress(s.URL, "postgres://user:password@host:5432/database", "5432", "postgres", "postgresql")
	if err != nil {
		return health.Probe{}, err
	}
	if err := checkLimits(s); err != nil {
		return health.Probe{}, err
	}
	p := &postgres{spec: s, lines: &lines{}}
	secure, err := newSecure(s.TLS, false)
	if err != nil {
		return health.Probe{}, err
	}
	raw := s.URL
	if secure.given() {
		if raw, err = verifyFull(raw, a); err != nil {
			return health.Probe{}, err
		}
	}
	if p.config, err = pgconn.ParseConfig(raw); err != nil {
		// The driver quotes the URL, or most of it.
		return health.Probe{}, wrong("url", "has an option that PostgreSQL does not know, or with a wrong value; "+
			"the usual one is sslmode, as in ?sslmode=verify-full")
	}
	a.secrets.add(p.config.Password) // which may be from a file or the environment
	if secure.given() {
		p.config.TLSConfig = secure.config(p.config.Host)
		for _, other := range p.config.Fallbacks {
			other.TLSConfig = secure.config(other.Host)
		}
	}
	p.config.DialFunc = p.lines.dial
	p.config.RuntimeParams["application_name"] = clientName
	return databaseProbe(s, a, p, p.lines), nil
}

// verifyFull returns a URL with the mode in which the driver makes all connections with
// TLS.
func verifyFull(raw string, a *address) (string, error) {
	const mode = "verify-full"
	for name := range a.options {
		if strings.HasPrefix(name, "ssl") && (name != "sslmode" || a.options.Get(name) != mode) {
			return "", wrong("url", "has options of TLS beside tls, which means %s; leave out one of the two", mode)
		}
	}
	if a.socket != "" {
		return "", unusedTLS("a socket has no TLS")
	}
	raw, _, _ = strings.Cut(raw, "#")
	switch {
	case a.options.Has("sslmode"):
		return raw, nil
	case strings.Contains(raw, "?"):
		return raw + "&sslmode=" + mode, nil
	}
	return raw + "?sslmode=" + mode, nil
}

func (p *postgres) run(ctx context.Context) (health.Details, error) {
	kept := p.conn != nil && !p.conn.IsClosed()
	details, err := p.ask(ctx)
	err = p.reason(err)
	// As in databaseProbe, which cannot decide it here, since the driver dials once
	// more to cancel.
	if err != nil && isLost(err) && kept && ctx.Err() == nil {
		details, err = p.ask(ctx)
		err = p.reason(err)
	}
	return details, err
}

func (p *postgres) ask(ctx context.Context) (health.Details, error) {
	if p.conn == nil || p.conn.IsClosed() {
		// A goroutine of the driver may still be trying, for 15 s, to cancel the
		// last run's statement. Its connection is cut.
		p.lines.cut()
		conn, err := pgconn.ConnectConfig(ctx, p.config)
		if err != nil {
			return nil, err
		}
		p.conn = conn
	}
	if p.spec.Query != "" {
		if _, err := p.rows(ctx, limited(ctx, p.spec.Query)); err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
		if p.conn.TxStatus() != 'I' { // it would keep old rows from being cleaned up
			p.close()
			return nil, fault("the query leaves a transaction open")
		}
	}
	row, err := p.rows(ctx, postgresStatus)
	if err != nil {
		return nil, err
	}
	if len(row) != 11 {
		return nil, fault("this is not PostgreSQL")
	}
	return p.judge(row)
}

// limited returns the statements of a query with a time limit. The server ends them soon
// after the run is over, even if the driver's attempt to cancel them does not arrive. In
// one message they are one transaction, so the limit is theirs alone, also behind a pooler.
func limited(ctx context.Context, query string) string {
	limit := limitOf(ctx)
	if limit <= 0 {
		return query
	}
	return fmt.Sprintf("SET LOCAL statement_timeout = %d; %s", (limit + 100*time.Millisecond).Milliseconds(), query)
}

// rows runs statements and returns the first row of the last one. All other
// rows are read and dropped.
func (p *postgres) rows(ctx context.Context, sql string) (first []string, err error) {
	results := p.conn.Exec(ctx, sql)
	for results.NextResult() {
		first = nil
		reader := results.ResultReader()
		for reader.NextRow() {
			if first == nil {
				for _, value := range reader.Values() {
					first = append(first, string(value))
				}
			}
		}
		_, _ = reader.Close() // Close below has the error
	}
	err = results.Close()
	if refused := (*pgconn.PgError)(nil); err != nil && p.conn.IsClosed() && !errors.As(err, &refused) {
		err = fmt.Errorf("%w: %w", errLost, err) // the driver has many words for it
	}
	return first, err
}

// judge turns the row of postgresStatus into details and a verdict.
func (p *postgres) judge(row []string) (health.Details, error) {
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(row[i], 10, 64) // null is 0
		return n
	}
	standby, readOnly := row[1] == "t", row[2] == "on"
	used, limit, receivers, senders, hidden := number(3), number(4), number(5), number(6), number(7)
	details := health.Details{"version": row[0], "role": "primary", "read_only": readOnly,
		"connections": used, "connections_max": limit}
	if standby {
		details["role"] = "standby"
	} else {
		details["standbys"] = senders
	}
	var f findings
	f.connections(used, limit, p.spec.MaxConnections)
	if known := row[8] != "" && hidden == 0; known {
		lag := time.Duration(number(8)) * time.Millisecond
		if row[9] != "" && row[10] != "" {
			lag = max(lag, p.marks.lag(time.Now(), number(9), number(10)))
		}
		details["lag_ms"] = lag.Milliseconds()
		f.lag(lag, p.spec.MaxLag)
	}
	switch {
	case p.spec.Writable && standby:
		return details, fault("read-only: it is a standby")
	case p.spec.Writable && readOnly:
		return details, fault("read-only: default_transaction_read_only is on")
	case p.spec.MaxLag == 0:
	case hidden > 0:
		f.unsuref("how far its standbys are behind is hidden: grant pg_monitor to %s", p.config.User)
	case standby && receivers == 0:
		f.degradef("the standby receives nothing from its primary")
	}
	return details, f.err()
}

// reason returns what the server refused, where it can be told.
func (p *postgres) reason(err error) error {
	refused := (*pgconn.PgError)(nil)
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case "28P01": // invalid_password
		return errPassword(p.config.User)
	case "53300": // too_many_connections, for all, a user or a database
		return errTooMany
	case "57P01", "57P02": // admin_shutdown, crash_shutdown
		return errLost
	}
	return errors.New(refused.Message)
}

// close ends the connection, without waiting for a server that may not answer.
func (p *postgres) drop() { p.close() }

func (p *postgres) close() {
	if p.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.conn.Close(ctx)
	}
}
