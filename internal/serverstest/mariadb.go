//go:build linux

package serverstest

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// MariaDBPassword is that of root@localhost.
const MariaDBPassword = "of-the-superuser"

// MariaDBServer is a MariaDB.
type MariaDBServer struct{ *Server }

// MariaDB starts a MariaDB with one user, root, who may do everything. Arguments
// are as on its command line: "--max-connections=10".
func MariaDB(t testing.TB, args ...string) *MariaDBServer {
	t.Helper()
	bin := program(t, "mariadb-server-core", "/usr/sbin/mariadbd")
	m := &MariaDBServer{newServer(t, "mariadb")}
	// A server that starts removes the temporary tables that it finds, whosever
	// they are, so it has a directory for its own.
	common := []string{"--no-defaults", "--datadir", m.path("data"), "--tmpdir", m.dir,
		"--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0"}
	if os.Geteuid() == 0 {
		common = append(common, "--user=root") // it wants that said
	}
	m.bootstrap(exec.Command(bin, append(common, "--bootstrap")...))
	m.command = func() *exec.Cmd {
		return exec.Command(bin, append(append(common, "--bind-address=127.0.0.1", "--port", strconv.Itoa(m.port),
			"--socket", m.path("socket"), "--pid-file", m.path("pid"), "--skip-name-resolve=0"), args...)...)
	}
	m.ready = m.greets
	m.Start()
	return m
}

// bootstrap makes the system tables, like mariadb-install-db but without the
// tables of help, and without the programs of the client package.
func (m *MariaDBServer) bootstrap(cmd *exec.Cmd) {
	m.t.Helper()
	if err := os.MkdirAll(m.path("data/mysql"), 0o700); err != nil {
		m.t.Fatal(err)
	}
	sql := []string{"USE mysql;", "SET @auth_root_socket=NULL;", "SET @skip_auth_anonymous=1;"}
	for _, name := range []string{"mysql_system_tables.sql", "mysql_system_tables_data.sql"} {
		text, err := os.ReadFile(filepath.Join("/usr/share/mysql", name))
		if err != nil {
			m.t.Fatalf("MariaDB has no %s: run `make servers`, or install Debian's package mariadb-server-core: %v", name, err)
		}
		sql = append(sql, string(text))
	}
	sql = append(sql, "FLUSH PRIVILEGES;", "ALTER USER root@localhost IDENTIFIED BY '"+MariaDBPassword+"';")
	cmd.Stdin = strings.NewReader(strings.Join(sql, "\n"))
	m.run(cmd)
}

// greets reports whether it begins a conversation, and not with an error.
func (m *MariaDBServer) greets() bool {
	conn, err := net.Dial("tcp", m.Addr())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	greeting := make([]byte, 5) // the length, a number, and the version of the protocol or 0xff
	_, err = io.ReadFull(conn, greeting)
	return err == nil && greeting[4] != 0xff
}

// URL is how to connect: mysql://user:password@127.0.0.1:port/db.
func (m *MariaDBServer) URL(user, password, db string) string {
	return m.url("mysql", user, password, db)
}
