package health

import (
	"context"
	"database/sql/driver"
	"reflect"
	"time"
)

// stmt has every optional method of a statement, as conn has of a connection.
type stmt struct {
	driver.Stmt
	conn *conn
}

var (
	_ driver.StmtQueryContext  = (*stmt)(nil)
	_ driver.StmtExecContext   = (*stmt)(nil)
	_ driver.NamedValueChecker = (*stmt)(nil)
)

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	begun := time.Now()
	var rows driver.Rows
	var err error
	if q, ok := s.Stmt.(driver.StmtQueryContext); ok {
		rows, err = q.QueryContext(ctx, args)
	} else {
		//nolint:staticcheck // old drivers have nothing else
		rows, err = plainly(ctx, args, s.Stmt.Query)
	}
	s.conn.traffic.note(begun, err)
	return rows, err
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	begun := time.Now()
	var result driver.Result
	var err error
	if e, ok := s.Stmt.(driver.StmtExecContext); ok {
		result, err = e.ExecContext(ctx, args)
	} else {
		//nolint:staticcheck // old drivers have nothing else
		result, err = plainly(ctx, args, s.Stmt.Exec)
	}
	s.conn.traffic.note(begun, err)
	return result, err
}

// CheckNamedValue asks in database/sql's order: the checker of the statement,
// or of the connection if that has none, and then the statement's converter.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	n, ok := s.Stmt.(driver.NamedValueChecker)
	if !ok {
		n, ok = s.conn.Conn.(driver.NamedValueChecker)
	}
	if ok {
		if err := n.CheckNamedValue(v); err != driver.ErrSkip { //nolint:errorlint // database/sql recognizes nothing that wraps it
			return err
		}
	}
	//nolint:staticcheck // old drivers have nothing else
	c, ok := s.Stmt.(driver.ColumnConverter)
	if !ok {
		return driver.ErrSkip // which leaves it to database/sql
	}
	if v.Ordinal > s.Stmt.NumInput() {
		return nil // there is no such column to convert for
	}
	value, err := valueOf(v.Value)
	if err == nil {
		value, err = c.ColumnConverter(v.Ordinal - 1).ConvertValue(value)
	}
	if err == nil {
		v.Value = value
	}
	return err
}

var valuer = reflect.TypeFor[driver.Valuer]()

// valueOf asks a Valuer for its value; a nil pointer to one is null.
func valueOf(v any) (driver.Value, error) {
	w, ok := v.(driver.Valuer)
	if !ok {
		return v, nil
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() && r.Type().Elem().Implements(valuer) {
		return nil, nil
	}
	return w.Value()
}
