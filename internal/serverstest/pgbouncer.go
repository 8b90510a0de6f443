//go:build linux

package serverstest

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// PgBouncerServer is a PgBouncer in front of a PostgreSQL. It asks for no passwords.
type PgBouncerServer struct{ *Server }

// PgBouncer starts a PgBouncer in front of a PostgreSQL, of which it uses all databases
// as the superuser. Settings are as in its configuration: "pool_mode=transaction".
func PgBouncer(t testing.TB, p *PostgresServer, settings ...string) *PgBouncerServer {
	t.Helper()
	bin := program(t, "pgbouncer", "/usr/sbin/pgbouncer")
	b := &PgBouncerServer{newServer(t, "pgbouncer")}
	b.write("pgbouncer.ini", fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d user=postgres password=%s
[pgbouncer]
listen_addr=127.0.0.1
listen_port=%d
unix_socket_dir=
auth_type=any
%s
`, p.Port(), PostgresPassword, b.port, strings.Join(settings, "\n")))
	b.command = func() *exec.Cmd {
		cmd := exec.Command(bin, b.path("pgbouncer.ini"))
		if p.as != nil { // it refuses root
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
			p.Own(b.dir)
			p.Own(b.path("pgbouncer.ini"))
		}
		return cmd
	}
	b.ready = b.dials
	b.Start()
	return b
}

// URL is how to connect: postgres://user@127.0.0.1:port/db.
func (b *PgBouncerServer) URL(user, db string) string {
	return b.url("postgres", user, "", db) + "?sslmode=disable"
}
