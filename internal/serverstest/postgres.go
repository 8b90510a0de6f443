//go:build linux

package serverstest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// PostgresPassword is that of the superuser, postgres.
const PostgresPassword = "of-the-superuser"

// PostgresServer is a PostgreSQL. Over TCP it asks for passwords.
type PostgresServer struct {
	*Server
	bin      string
	clients  string              // Debian's programs, which can talk to servers of other versions
	as       *syscall.Credential // who runs it; nil is this user
	settings []string
}

// Postgres starts a PostgreSQL. Settings are as in its configuration:
// "max_connections=10". It forgets on a crash what it said was written.
func Postgres(t testing.TB, settings ...string) *PostgresServer {
	t.Helper()
	return initPostgres(newPostgres(t, settings))
}

// PostgresVersion starts a PostgreSQL of a major version, which need not be Debian's.
func PostgresVersion(t testing.TB, major int, settings ...string) *PostgresServer {
	t.Helper()
	p := newPostgres(t, settings)
	p.bin = filepath.Dir(program(t, "postgresql", fmt.Sprintf("/usr/local/lib/kymo-postgresql/installed/pg%d/initdb", major),
		fmt.Sprintf("/usr/lib/postgresql/%d/bin/initdb", major)))
	return initPostgres(p)
}

func initPostgres(p *PostgresServer) *PostgresServer {
	p.t.Helper()
	if err := p.initialize(); err != nil {
		p.t.Fatal(err)
	}
	p.Start()
	return p
}

// Standby starts a PostgreSQL that follows this one.
func (p *PostgresServer) Standby(t testing.TB) *PostgresServer {
	t.Helper()
	s := newPostgres(t, p.settings)
	s.run(s.tool("pg_basebackup", "-D", s.path("data"), "-h", p.dir, "-p", strconv.Itoa(p.port), "-U", "postgres",
		"--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--wal-method=stream"))
	s.Start()
	return s
}

// URL is how to connect: postgres://user:password@127.0.0.1:port/db.
func (p *PostgresServer) URL(user, password, db string) string {
	return p.url("postgres", user, password, db) + "?sslmode=disable"
}

// SQL runs statements as the superuser, each in a transaction of its own, and
// returns what they yield: a line per row, with | between columns.
func (p *PostgresServer) SQL(statements ...string) string {
	p.t.Helper()
	args := []string{"-h", p.dir, "-p", strconv.Itoa(p.port), "-U", "postgres", "-d", "postgres",
		"--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1"}
	for _, statement := range statements {
		args = append(args, "-c", statement)
	}
	return p.run(p.program(filepath.Join(p.clients, "psql"), args...))
}

// Restore dumps a database and restores the dump into another, empty one.
func (p *PostgresServer) Restore(from, into string) {
	p.t.Helper()
	at := []string{"-h", p.dir, "-p", strconv.Itoa(p.port), "-U", "postgres"}
	p.run(p.tool("pg_dump", append(at, "--format=custom", "--file", p.path("dump"), from)...))
	p.run(p.tool("pg_restore", append(at, "--no-owner", "--exit-on-error", "--dbname", into, p.path("dump"))...))
}

// Own gives a file or directory outside of the server's directory to its user.
func (p *PostgresServer) Own(path string) {
	p.t.Helper()
	if p.as == nil {
		return
	}
	if err := os.Chown(path, int(p.as.Uid), int(p.as.Gid)); err != nil {
		p.t.Fatal(err)
	}
}

func newPostgres(t testing.TB, settings []string) *PostgresServer {
	t.Helper()
	bin := filepath.Dir(program(t, "postgresql", "/usr/lib/postgresql/*/bin/initdb"))
	p := &PostgresServer{Server: newServer(t, "postgres"), bin: bin, clients: bin, settings: settings}
	p.ask = syscall.SIGINT // ends the sessions; SIGTERM waits for them
	if os.Geteuid() == 0 {
		p.as = postgresUser(t)
		p.own(".")
	}
	p.command = func() *exec.Cmd {
		args := []string{"-D", p.path("data"), "-k", p.dir, "-p", strconv.Itoa(p.port),
			"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off"}
		for _, setting := range settings {
			args = append(args, "-c", setting)
		}
		return p.tool("postgres", args...)
	}
	p.ready = func() bool {
		// Line 8 is what pg_ctl waits for too. A file of a server that was killed
		// still says ready, with another process in line 1.
		text, _ := os.ReadFile(p.path("data/postmaster.pid"))
		lines := bytes.Split(text, []byte("\n"))
		return len(lines) >= 8 && string(lines[0]) == strconv.Itoa(p.process.pid) &&
			strings.TrimSpace(string(lines[7])) == "ready"
	}
	return p
}

// tool returns a command of PostgreSQL, to be run as the server's user.
func (p *PostgresServer) tool(name string, args ...string) *exec.Cmd {
	return p.program(filepath.Join(p.bin, name), args...)
}

func (p *PostgresServer) program(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = p.dir // the user may not enter where this process is
	if p.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	}
	return cmd
}

// own gives a file in the server's directory to the server's user.
func (p *PostgresServer) own(name string) {
	p.t.Helper()
	p.Own(p.path(name))
}

// postgresUser returns the user to run PostgreSQL as, which refuses root.
func postgresUser(t testing.TB) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("PostgreSQL does not run as root, and there is no user postgres "+
			"(install Debian's package postgresql, or run the tests as another user): %v", err)
	}
	uid, _ := strconv.Atoi(u.Uid) // numbers on Linux
	gid, _ := strconv.Atoi(u.Gid)
	// On some machines not even the root directory is open to others than its group.
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{uint32(os.Getgid())}}
}
