package probe

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	sqldriver "github.com/go-sql-driver/mysql"
	"github.com/kymohq/kymo/health"
)

// mySQL probes a MySQL or MariaDB over one connection.
type mySQL struct {
	spec   *Spec
	config *sqldriver.Config
	db     *sql.DB
	// replicas is the statement for the state of replication on this server; empty
	// until it is known.
	replicas string
}

func newMySQL(s *Spec) (health.Probe, error) {
	a, err := parseAddress(s.URL, "mysql://user:password@host:3306/database", "3306", "mysql", "mariadb")
	if err != nil {
		return health.Probe{}, err
	}
	if err := checkLimits(s); err != nil {
		return health.Probe{}, err
	}
	l := &lines{}
	m := &mySQL{spec: s}
	if m.config, err = mysqlConfig(s, a); err != nil {
		return health.Probe{}, err
	}
	m.config.DialFunc = l.dial
	m.config.Logger = &sqldriver.NopLogger{}
	if m.config.ConnectionAttributes == "" {
		m.config.ConnectionAttributes = "program_name:" + clientName
	}
	connector, err := sqldriver.NewConnector(m.config)
	if err != nil {
		return health.Probe{}, wrong("url", "is invalid for the driver: %s", a.secrets.show(err.Error()))
	}
	m.db = sql.OpenDB(mysqlLimited{connector, s})
	m.db.SetMaxOpenConns(1)
	return databaseProbe(s, a, m, l), nil
}

// mysqlLimited makes connections on which a statement ends with the check's
// timeout. Otherwise the server would continue it, because it does not notice that
// the client left.
type mysqlLimited struct {
	driver.Connector
	spec *Spec
}

func (l mysqlLimited) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := l.Connector.Connect(ctx)
	limit := limitOf(ctx)
	if err != nil || l.spec.Query == "" || limit <= 0 {
		return conn, err
	}
	// MariaDB has the first and MySQL the second. Old versions have neither.
	for _, set := range []string{
		fmt.Sprintf("SET SESSION max_statement_time = %f", limit.Seconds()),
		fmt.Sprintf("SET SESSION max_execution_time = %d", limit.Milliseconds()),
	} {
		_, err := conn.(driver.ExecerContext).ExecContext(ctx, set, nil)
		if refused := (*sqldriver.MySQLError)(nil); err != nil && !errors.As(err, &refused) {
			_ = conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

func (m *mySQL) run(ctx context.Context) (health.Details, error) {
	details, err := m.ask(ctx)
	return details, m.reason(err)
}

func (m *mySQL) ask(ctx context.Context) (health.Details, error) {
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close() // back to the pool, or away if it is broken
	if m.spec.Query != "" {
		if _, err := mysqlRows(ctx, conn, m.spec.Query); err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
	}
	status, err := mysqlRows(ctx, conn, "SELECT VERSION() AS version, @@global.read_only AS read_only, @@global.max_connections AS connections_max")
	if err != nil {
		return nil, err
	}
	threads, err := mysqlRows(ctx, conn, "SHOW GLOBAL STATUS LIKE 'Threads_connected'")
	if err != nil {
		return nil, err
	}
	if len(status) != 1 || len(threads) != 1 {
		return nil, fault("this is not MySQL")
	}
	readOnly := status[0]["read_only"] != "0"
	used, _ := strconv.ParseInt(threads[0]["value"], 10, 64)
	limit, _ := strconv.ParseInt(status[0]["connections_max"], 10, 64)
	details := health.Details{"version": status[0]["version"], "read_only": readOnly,
		"connections": used, "connections_max": limit}
	if m.spec.Writable && readOnly {
		return details, fault("read-only: read_only is on")
	}
	var f findings
	f.connections(used, limit, m.spec.MaxConnections)
	if m.spec.MaxLag > 0 {
		if err := m.lag(ctx, conn, details, &f); err != nil {
			return details, err
		}
	}
	return details, f.err()
}

// lag judges how far a replica is behind. A server that is no replica has no
// lag.
func (m *mySQL) lag(ctx context.Context, conn *sql.Conn, details health.Details, f *findings) error {
	ways := []string{"SHOW REPLICA STATUS", "SHOW SLAVE STATUS"} // the second until MySQL 8.0.21
	if m.replicas != "" {
		ways = []string{m.replicas}
	}
	var sources []map[string]string
	var err error
	for _, way := range ways {
		if sources, err = mysqlRows(ctx, conn, way); err == nil {
			m.replicas = way
		}
		if mysqlCode(err) != 1064 { // a syntax error
			break
		}
	}
	if code := mysqlCode(err); code == 1227 || code == 1142 {
		f.unsuref("how far replication is behind is hidden: grant REPLICA MONITOR (MariaDB) or REPLICATION CLIENT (MySQL) to %s", m.config.User)
		return nil
	}
	if err != nil {
		return err
	}
	judgeSources(sources, m.spec.MaxLag, details, f)
	return nil
}

// judgeSources judges the rows of SHOW REPLICA STATUS, one for each source.
func judgeSources(sources []map[string]string, limit time.Duration, details health.Details, f *findings) {
	for _, source := range sources {
		text := source["seconds_behind_source"] + source["seconds_behind_master"] // one of them is there
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil { // null
			f.degradef("replication is not running")
			continue
		}
		lag := time.Duration(seconds) * time.Second
		if worst, ok := details["lag_ms"].(int64); !ok || lag.Milliseconds() > worst {
			details["lag_ms"] = lag.Milliseconds()
		}
		f.lag(lag, limit)
	}
}

// mysqlRows returns the first rows of a statement, a few, by column in lower
// case; a null is empty. Whatever else comes is read and dropped.
func mysqlRows(ctx context.Context, conn *sql.Conn, statement string) ([]map[string]string, error) {
	const few = 10
	rows, err := conn.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(sql.RawBytes)
	}
	var first []map[string]string
	for rows.Next() {
		if len(first) == few {
			continue
		}
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		row := make(map[string]string, len(columns))
		for i, column := range columns {
			row[strings.ToLower(column)] = string(*values[i].(*sql.RawBytes))
		}
		first = append(first, row)
	}
	return first, rows.Err()
}

// mysqlCode returns the number of a server's error, or 0 for any other error.
func mysqlCode(err error) uint16 {
	if refused := (*sqldriver.MySQLError)(nil); errors.As(err, &refused) {
		return refused.Number
	}
	return 0
}

// reason returns what the server refused, where it can be told.
func (m *mySQL) reason(err error) error {
	switch mysqlCode(err) {
	case 0:
		if errors.Is(err, sqldriver.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) {
			return errLost
		}
		return err
	case 1045, 1698: // access denied
		return errPassword(m.config.User)
	case 1040, 1203, 1226: // for all, or for this user
		return errTooMany
	case 1053, 4031: // shutdown, or the server closed it for idling
		return errLost
	}
	refused := (*sqldriver.MySQLError)(nil)
	errors.As(err, &refused)
	return errors.New(refused.Message)
}

func (m *mySQL) drop() {
	m.db.SetMaxIdleConns(-1) // which closes those that are idle
	m.db.SetMaxIdleConns(1)
}

func (m *mySQL) close() { _ = m.db.Close() }
