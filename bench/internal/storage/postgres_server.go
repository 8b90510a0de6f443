package storage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresServer is a PostgreSQL of its own, in a directory of its own.
type postgresServer struct {
	dir     string
	port    int
	process *process
	pool    *pgxpool.Pool
}

// debianPrograms is where Debian's packages have initdb, by version; a test has it empty.
var debianPrograms = "/usr/lib/postgresql/*/bin/initdb"

// postgresBin returns the directory of the newest installed server's programs.
func postgresBin() (string, error) {
	found, _ := filepath.Glob(debianPrograms) // the pattern is well-formed
	if len(found) == 0 {
		path, err := exec.LookPath("initdb")
		if err != nil {
			return "", fmt.Errorf("PostgreSQL is %w: install Debian's package postgresql", errAbsent)
		}
		return filepath.Dir(path), nil
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// PostgresVersion is the installed server's version.
func PostgresVersion() string {
	bin, err := postgresBin()
	if err != nil {
		return "not installed"
	}
	out, err := exec.Command(filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "postgres (PostgreSQL) ")
}

// startPostgres starts a server whose commits are durable, with more memory and
// room for its log than the defaults give.
func startPostgres(ctx context.Context, connections int) (*postgresServer, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-postgres-")
	if err != nil {
		return nil, err
	}
	s := &postgresServer{dir: dir}
	if err := s.start(ctx, bin, connections); err != nil {
		s.kill()
		return nil, err
	}
	return s, nil
}

func (s *postgresServer) start(ctx context.Context, bin string, connections int) error {
	as, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = as, s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", s.dir, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=on", "-c", "synchronous_commit=on",
		"-c", "shared_buffers=1GB", "-c", "work_mem=256MB", "-c", "max_wal_size=4GB", "-c", "timezone=UTC")
	server.SysProcAttr, server.Dir = as, s.dir
	if s.process, err = start(server, filepath.Join(s.dir, "log")); err != nil {
		return wrap("start PostgreSQL", err)
	}
	s.pool, err = pgxpool.New(ctx, s.url("postgres")+fmt.Sprintf("&pool_max_conns=%d", connections))
	if err != nil {
		return err
	}
	return s.process.ready(ctx, s.pool.Ping)
}

// url is how to connect to a database.
func (s *postgresServer) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

func (s *postgresServer) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, s.url(database))
	return conn, wrap("connect to PostgreSQL", err)
}

// unprivileged gives dir to the user postgres if this process is root, whom the server
// refuses to run as, and how to become that user.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root and %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{uint32(os.Getgid())}}}, nil
}

func (s *postgresServer) kill() {
	if s.pool != nil {
		s.pool.Close()
	}
	if s.process != nil {
		_ = s.process.stop(syscall.SIGINT) // fast shutdown; the directory goes anyway
	}
	_ = os.RemoveAll(s.dir)
}
