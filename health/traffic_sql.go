package health

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// Connector returns a connector for sql.OpenDB that counts the calls of c's connections.
// An error from the database itself, such as a violated constraint or a misspelled
// statement, is not a failure: the database works. A broken connection is, and so is no
// answer in time.
func (t *Traffic) Connector(c driver.Connector) driver.Connector { return &connector{c, t} }

type connector struct {
	driver.Connector
	traffic *Traffic
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	begun := time.Now()
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		c.traffic.Observe(time.Since(begun), err)
		return nil, err
	}
	return &conn{inner, c.traffic}, nil
}

// Close is what sql.DB.Close looks for.
func (c *connector) Close() error { return closes(c.Connector) }

// note notes a call that ended with err.
func (t *Traffic) note(begun time.Time, err error) {
	if errors.Is(err, driver.ErrSkip) {
		return // the driver asks for another way; that one counts
	}
	if !isFailure(err) && !errors.Is(err, context.Canceled) {
		err = nil
	}
	t.Observe(time.Since(begun), err)
}

// isFailure reports whether the error is not an answer of the database.
func isFailure(err error) bool {
	var network net.Error
	var system syscall.Errno
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) || errors.As(err, &system)
}

// conn has every optional method of a connection. Where the driver's has one
// not, it answers as database/sql would have done without it.
type conn struct {
	driver.Conn
	traffic *Traffic
}

var (
	_ driver.Pinger             = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
)

// Raw returns the driver's own connection, for sql.Conn.Raw.
func (c *conn) Raw() driver.Conn { return c.Conn }

func (c *conn) Ping(ctx context.Context) error {
	p, ok := c.Conn.(driver.Pinger)
	if !ok {
		return nil
	}
	begun := time.Now()
	err := p.Ping(ctx)
	c.traffic.note(begun, err)
	return err
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	begun := time.Now()
	rows, err := c.query(ctx, query, args)
	c.traffic.note(begun, err)
	return rows, err
}

func (c *conn) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := c.Conn.(driver.QueryerContext); ok {
		return q.QueryContext(ctx, query, args)
	}
	//nolint:staticcheck // old drivers have nothing else
	q, ok := c.Conn.(driver.Queryer)
	if !ok {
		return nil, driver.ErrSkip
	}
	return plainly(ctx, args, func(values []driver.Value) (driver.Rows, error) { return q.Query(query, values) })
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	begun := time.Now()
	result, err := c.exec(ctx, query, args)
	c.traffic.note(begun, err)
	return result, err
}

func (c *conn) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if e, ok := c.Conn.(driver.ExecerContext); ok {
		return e.ExecContext(ctx, query, args)
	}
	//nolint:staticcheck // old drivers have nothing else
	e, ok := c.Conn.(driver.Execer)
	if !ok {
		return nil, driver.ErrSkip
	}
	return plainly(ctx, args, func(values []driver.Value) (driver.Result, error) { return e.Exec(query, values) })
}

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	begun := time.Now()
	inner, err := c.prepare(ctx, query)
	c.traffic.note(begun, err)
	if err != nil {
		return nil, err
	}
	return &stmt{inner, c}, nil
}

func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := c.Conn.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	s, err := c.Conn.Prepare(query)
	if err == nil && ctx.Err() != nil {
		_ = s.Close() // it is returned to no caller
		return nil, ctx.Err()
	}
	return s, err
}

func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	begun := time.Now()
	inner, err := c.begin(ctx, opts)
	c.traffic.note(begun, err)
	if err != nil {
		return nil, err
	}
	return &tx{inner, c.traffic}, nil
}

func (c *conn) begin(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.Conn.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, opts)
	}
	switch {
	case opts.Isolation != 0:
		return nil, errors.New("sql: driver does not support non-default isolation level")
	case opts.ReadOnly:
		return nil, errors.New("sql: driver does not support read-only transactions")
	}
	//nolint:staticcheck // old drivers have nothing else
	t, err := c.Conn.Begin()
	if err == nil && ctx.Err() != nil {
		_ = t.Rollback() // it is returned to no caller
		return nil, ctx.Err()
	}
	return t, err
}

func (c *conn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *conn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !ok || v.IsValid()
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip // database/sql has its own way
}

// tx is a transaction whose end counts as a call.
type tx struct {
	driver.Tx
	traffic *Traffic
}

func (t *tx) Commit() error {
	begun := time.Now()
	err := t.Tx.Commit()
	t.traffic.note(begun, err)
	return err
}

// plainly calls what takes neither a context nor names.
func plainly[T any](ctx context.Context, args []driver.NamedValue, call func([]driver.Value) (T, error)) (none T, err error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return none, errors.New("sql: driver does not support the use of Named Parameters")
		}
		values[i] = a.Value
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	return call(values)
}
