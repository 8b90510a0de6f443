package health

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// database is a driver's other end, which does what tests say.
type database struct {
	err    error         // of every call
	refuse error         // of new connections
	gate   chan struct{} // if not nil, calls wait for it or their context
	closed atomic.Int64
}

func (d *database) call(ctx context.Context) error {
	if d.gate != nil {
		select {
		case <-d.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return d.err
}

func (d *database) Driver() driver.Driver { return nil }

// fullConnector makes connections with every optional method, plainConnector
// with none.
type (
	fullConnector  struct{ *database }
	plainConnector struct{ *database }
)

func (c fullConnector) Connect(context.Context) (driver.Conn, error) {
	return &fullConn{plainConn{c.database}}, c.refuse
}

func (c fullConnector) Close() error { c.closed.Add(1); return nil }

func (c plainConnector) Connect(context.Context) (driver.Conn, error) {
	return &plainConn{c.database}, c.refuse
}

type plainConn struct{ d *database }

func (c *plainConn) Prepare(string) (driver.Stmt, error) {
	return &plainStmt{c.d}, c.d.call(context.Background())
}
func (c *plainConn) Close() error              { return nil }
func (c *plainConn) Begin() (driver.Tx, error) { return plainTx{c.d}, c.d.call(context.Background()) }

type plainTx struct{ d *database }

func (t plainTx) Commit() error   { return t.d.err }
func (t plainTx) Rollback() error { return nil }

type plainStmt struct{ d *database }

func (s *plainStmt) Close() error  { return nil }
func (s *plainStmt) NumInput() int { return -1 }
func (s *plainStmt) Exec([]driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), s.d.call(context.Background())
}
func (s *plainStmt) Query(args []driver.Value) (driver.Rows, error) {
	return &oneRow{args: args}, s.d.call(context.Background())
}

// oneRow is the arguments as a row.
type oneRow struct {
	args []driver.Value
	done bool
}

func (r *oneRow) Columns() []string { return make([]string, max(1, len(r.args))) }
func (r *oneRow) Close() error      { return nil }
func (r *oneRow) Next(dest []driver.Value) error {
	if r.done {
		return io.EOF
	}
	r.done = true
	dest[0] = int64(1)
	copy(dest, r.args)
	return nil
}

type fullConn struct{ plainConn }

func (c *fullConn) Ping(ctx context.Context) error { return c.d.call(ctx) }
func (c *fullConn) QueryContext(ctx context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	return &oneRow{args: valuesOf(args)}, c.d.call(ctx)
}
func (c *fullConn) ExecContext(ctx context.Context, _ string, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.d.call(ctx)
}
func (c *fullConn) PrepareContext(ctx context.Context, _ string) (driver.Stmt, error) {
	return &fullStmt{plainStmt{c.d}}, c.d.call(ctx)
}
func (c *fullConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	return plainTx{c.d}, c.d.call(ctx)
}
func (c *fullConn) ResetSession(context.Context) error { return nil }
func (c *fullConn) IsValid() bool                      { return true }
func (c *fullConn) CheckNamedValue(v *driver.NamedValue) error {
	if s, ok := v.Value.(special); ok {
		v.Value = "special " + string(s)
		return nil
	}
	return driver.ErrSkip
}

type special string

type fullStmt struct{ plainStmt }

func (s *fullStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return &oneRow{args: valuesOf(args)}, s.d.call(ctx)
}
func (s *fullStmt) ExecContext(ctx context.Context, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), s.d.call(ctx)
}

func valuesOf(args []driver.NamedValue) []driver.Value {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		values[i] = a.Value
	}
	return values
}

// legacyConnector makes connections with the methods of old drivers.
type legacyConnector struct{ *database }

func (c legacyConnector) Connect(context.Context) (driver.Conn, error) {
	return &legacyConn{plainConn{c.database}}, c.refuse
}

type legacyConn struct{ plainConn }

func (c *legacyConn) Query(_ string, args []driver.Value) (driver.Rows, error) {
	return &oneRow{args: args}, c.d.err
}
func (c *legacyConn) Exec(string, []driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), c.d.err
}
func (c *legacyConn) Prepare(string) (driver.Stmt, error) {
	return &convertingStmt{plainStmt{c.d}}, c.d.err
}

// convertingStmt converts what goes into its columns.
type convertingStmt struct{ plainStmt }

func (s *convertingStmt) NumInput() int                             { return 1 }
func (s *convertingStmt) ColumnConverter(int) driver.ValueConverter { return shout{} }

type shout struct{}

func (shout) ConvertValue(v any) (driver.Value, error) {
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	if text == "" {
		return nil, errors.New("nothing to shout")
	}
	return strings.ToUpper(text), nil
}

var drivers = map[string]func(*database) driver.Connector{
	"full":   func(d *database) driver.Connector { return fullConnector{d} },
	"plain":  func(d *database) driver.Connector { return plainConnector{d} },
	"legacy": func(d *database) driver.Connector { return legacyConnector{d} },
}

// use makes each kind of call once.
func use(ctx context.Context, db *sql.DB) map[string]error {
	errs := make(map[string]error)
	errs["ping"] = db.PingContext(ctx)
	rows, err := db.QueryContext(ctx, "SELECT ?", 1)
	if errs["query"] = err; err == nil {
		errs["query"] = rows.Close()
	}
	_, errs["exec"] = db.ExecContext(ctx, "INSERT")
	s, err := db.PrepareContext(ctx, "SELECT")
	if errs["prepare"] = err; err == nil {
		if rows, err = s.QueryContext(ctx, "a"); err == nil {
			err = rows.Close()
		}
		errs["query of a statement"] = err
		_, errs["exec of a statement"] = s.ExecContext(ctx, "a")
		s.Close()
	}
	tx, err := db.BeginTx(ctx, nil)
	if errs["begin"] = err; err == nil {
		errs["commit"] = tx.Commit()
	}
	return errs
}

func TestConnectorSeesEveryCall(t *testing.T) {
	for name, connect := range drivers {
		d := new(database)
		var traffic Traffic
		db := sql.OpenDB(traffic.Connector(connect(d)))
		for call, err := range use(t.Context(), db) {
			if err != nil {
				t.Errorf("%s: %s: %v", name, call, err)
			}
		}
		if s := traffic.take(); s.calls < 7 || s.failures != 0 {
			t.Errorf("%s: %+v", name, s)
		}
		// An answer that is an error is an answer.
		d.err = errors.New("violates a constraint")
		use(t.Context(), db)
		if s := traffic.take(); s.calls < 4 || s.failures != 0 {
			t.Errorf("%s: an SQL error counts: %+v", name, s)
		}
		for _, broken := range []error{driver.ErrBadConn, io.ErrUnexpectedEOF, context.DeadlineExceeded} {
			d.err = broken
			use(t.Context(), db)
			if s := traffic.take(); s.failures < 4 || !errors.Is(s.last, broken) {
				t.Errorf("%s: %v: %+v", name, broken, s)
			}
		}
		d.err, d.refuse = nil, errors.New("password authentication failed")
		db.SetMaxIdleConns(0)
		use(t.Context(), db)
		if s := traffic.take(); s.failures < 3 || s.failures != s.calls {
			t.Errorf("%s: refused connections: %+v", name, s)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if name == "full" && d.closed.Load() != 1 {
			t.Error("the connector was not closed")
		}
	}
}

func TestConnectorKeepsWhatDriversCan(t *testing.T) {
	open := func(name string) *sql.DB {
		db := sql.OpenDB(new(Traffic).Connector(drivers[name](new(database))))
		t.Cleanup(func() { db.Close() })
		return db
	}
	scan := func(name string, arg any) (got string, err error) {
		s, err := open(name).Prepare("SELECT ?")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return got, s.QueryRow(arg).Scan(&got)
	}
	for _, c := range []struct {
		driver string
		arg    any
		want   string
	}{
		{"full", special("x"), "special x"}, // the connection's checker
		{"full", "x", "x"},
		{"legacy", "x", "X"}, // the statement's converter
		{"legacy", sql.NullString{String: "y", Valid: true}, "Y"},
		{"plain", sql.NullString{String: "z", Valid: true}, "z"},
	} {
		if got, err := scan(c.driver, c.arg); got != c.want || err != nil {
			t.Errorf("%s, %v: %q, %v, want %q", c.driver, c.arg, got, err, c.want)
		}
	}
	if _, err := scan("legacy", ""); err == nil || !strings.Contains(err.Error(), "nothing to shout") {
		t.Errorf("a converter's error: %v", err)
	}
	var null *pointed
	if _, err := scan("legacy", null); err == nil || !strings.Contains(err.Error(), "converting NULL") {
		t.Errorf("a nil pointer to a Valuer: %v", err)
	}
	for _, name := range []string{"plain", "legacy"} {
		db := open(name)
		if _, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true}); err == nil {
			t.Errorf("%s: a read-only transaction of a driver that has none", name)
		}
		if _, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable}); err == nil {
			t.Errorf("%s: an isolation of a driver that has none", name)
		}
		if _, err := db.Query("SELECT", sql.Named("a", 1)); err == nil || !strings.Contains(err.Error(), "Named Parameters") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := open("full").Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Raw(func(inner any) error {
		if _, ok := inner.(interface{ Raw() driver.Conn }).Raw().(*fullConn); !ok {
			t.Error("the driver's connection cannot be reached")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

type pointed struct{}

func (pointed) Value() (driver.Value, error) { return "never", nil }

// A call that ended too late for its caller is undone, as database/sql does.
func TestConnectorOfDriversWithoutContexts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	inner, err := new(Traffic).Connector(plainConnector{new(database)}).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := inner.(*conn)
	if _, err := c.PrepareContext(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("prepare: %v", err)
	}
	if _, err := c.BeginTx(ctx, driver.TxOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("begin: %v", err)
	}
	s, err := c.Prepare("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.(driver.StmtQueryContext).QueryContext(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("query: %v", err)
	}
	if _, err := c.Begin(); err != nil {
		t.Errorf("begin: %v", err)
	}
	if n := c.traffic.take(); n.failures != 0 {
		t.Errorf("what its caller gave up counts as a failure: %+v", n)
	}
}

func TestSQL(t *testing.T) {
	d := new(database)
	db := sql.OpenDB(fullConnector{d})
	defer db.Close()
	within := func(timeout time.Duration, p Probe) Result {
		f, err := Run(t.Context(), p, Timeout(timeout))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	look := func(p Probe) Result { return within(10*time.Second, p) } // on a busy machine, milliseconds may be too short
	if f := look(SQL(db)); f.Status != Healthy || string(f.Details) != `{"idle":1,"in_use":0,"open":1}` {
		t.Errorf("got %+v", f)
	}
	d.err = errors.New("the table is gone")
	if f := look(SQLQuery(db, "SELECT 1 FROM it")); f.Status != Down || f.Reason != "the table is gone" {
		t.Errorf("got %+v", f)
	}
	d.err, d.gate = nil, make(chan struct{})
	if f := within(20*time.Millisecond, SQL(db)); f.Status != Down || f.Reason != "no answer within 20 ms" {
		t.Errorf("got %+v", f)
	}
	d.gate = nil
	if f := look(SQL(nil)); f.Status != Down || f.Reason != "the *sql.DB is nil" {
		t.Errorf("got %+v", f)
	}
	db.SetMaxOpenConns(2)
	first, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if f := look(SQL(db)); f.Status != Healthy {
		t.Errorf("one of two connections is in use: %+v", f)
	}
	second, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := within(20*time.Millisecond, SQL(db))
	if f.Status != Down || f.Reason != "the pool is saturated: 2 of 2 connections in use, and none became free in time" {
		t.Errorf("got %+v", f)
	}
	second.Close()
	db.SetMaxOpenConns(1) // of which first has one
	first.Close()
	if f := look(SQL(db)); f.Status != Healthy {
		t.Errorf("got %+v", f)
	}
}
