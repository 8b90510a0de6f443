package demo

import (
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// newDatabase returns a stand-in for a PostgreSQL. It accepts every
// user. Every query has one row of one column, but that of the hub's check, which
// gets the answer of a primary without standbys.
func newDatabase() *standIn {
	var s *standIn
	s = newStandIn(func(conn net.Conn, wait func()) {
		d := &databaseSession{Backend: pgproto3.NewBackend(conn, conn), server: s, conn: conn, wait: wait}
		if d.greet() {
			for d.answer() {
			}
		}
	})
	return s
}

// databaseSession is one connection.
type databaseSession struct {
	*pgproto3.Backend
	server *standIn
	conn   net.Conn
	wait   func()

	sql string // of the last statement that was parsed
}

// greet answers until the client has introduced itself, and reports whether it has.
func (d *databaseSession) greet() bool {
	for {
		message, err := d.ReceiveStartupMessage()
		if err != nil {
			return false
		}
		switch message.(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := d.conn.Write([]byte("N")); err != nil {
				return false
			}
		case *pgproto3.StartupMessage:
			d.Send(&pgproto3.AuthenticationOk{})
			d.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: standInVersion})
			d.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
			d.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
			d.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
			return d.ready() == nil
		default: // a request to cancel, which wants no answer
			return false
		}
	}
}

const (
	standInVersion = "17.0 (a stand-in)"
	// standInConnections is the limit of connections that a stand-in reports.
	standInConnections = 500
)

// answer answers one message and reports whether there may be another.
func (d *databaseSession) answer() bool {
	message, err := d.Receive()
	if err != nil {
		return false
	}
	switch m := message.(type) {
	case *pgproto3.Query:
		d.wait()
		row := d.row(m.String)
		d.describe(row)
		d.execute(row)
		err = d.ready()
	case *pgproto3.Parse:
		d.sql = m.Query
		d.Send(&pgproto3.ParseComplete{})
	case *pgproto3.Bind:
		d.Send(&pgproto3.BindComplete{})
	case *pgproto3.Describe:
		if m.ObjectType == 'S' {
			d.Send(&pgproto3.ParameterDescription{})
		}
		d.describe(d.row(d.sql))
	case *pgproto3.Execute:
		d.wait()
		d.execute(d.row(d.sql))
	case *pgproto3.Close:
		d.Send(&pgproto3.CloseComplete{})
	case *pgproto3.Sync:
		err = d.ready()
	case *pgproto3.Flush:
		err = d.Flush()
	default: // the client leaves, or wants what is not here
		return false
	}
	return err == nil
}

func (d *databaseSession) ready() error {
	d.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return d.Flush()
}

// row is the row that a query has.
func (d *databaseSession) row(sql string) []string {
	if !strings.Contains(sql, "pg_is_in_recovery") {
		return []string{"1"}
	}
	return []string{standInVersion, "f", "off", strconv.Itoa(d.server.open()), strconv.Itoa(standInConnections),
		"0", "0", "0", "0", "0", ""}
}

func (d *databaseSession) describe(row []string) {
	const text = 25 // the type's OID
	var description pgproto3.RowDescription
	for range row {
		description.Fields = append(description.Fields,
			pgproto3.FieldDescription{Name: []byte("?column?"), DataTypeOID: text, DataTypeSize: -1, TypeModifier: -1})
	}
	d.Send(&description)
}

func (d *databaseSession) execute(row []string) {
	var data pgproto3.DataRow
	for _, value := range row {
		data.Values = append(data.Values, []byte(value))
	}
	d.Send(&data)
	d.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
}
