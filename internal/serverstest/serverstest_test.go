//go:build linux

package serverstest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestServers(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) *Server{
		"postgres":   func(t *testing.T) *Server { return Postgres(t, "max_connections=10").Server },
		"pgbouncer":  func(t *testing.T) *Server { return PgBouncer(t, Postgres(t)).Server },
		"redis":      func(t *testing.T) *Server { return Redis(t, "--requirepass", "geheim").Server },
		"sentinel":   func(t *testing.T) *Server { _, s := RedisSentinel(t, "--requirepass", "geheim"); return s.Server },
		"mariadb":    func(t *testing.T) *Server { return MariaDB(t, "--max-connections=10").Server },
		"clickhouse": func(t *testing.T) *Server { return ClickHouse(t, "geheim").Server },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *Server
			t.Run("use", func(t *testing.T) {
				s = start(t)
				if !s.ready() {
					t.Fatal("it was started and does not answer")
				}
				s.Freeze()
				if conn, err := net.Dial("tcp", s.Addr()); err != nil {
					t.Errorf("a frozen server refuses connections: %v", err)
				} else {
					_ = conn.Close()
				}
				for _, pid := range s.process.family() {
					if state, _, _ := stat(pid); state != 'T' {
						t.Errorf("process %d is in state %c, not T", pid, state)
					}
				}
				s.Thaw()
				first := s.process.pid
				s.Stop()
				s.Stop() // twice is once
				if s.dials() {
					t.Error("it was stopped and listens")
				}
				s.Start()
				if !s.ready() || s.process.pid == first {
					t.Error("it was started again and does not answer, or is the same process")
				}
				s.Freeze() // the cleanup has to deal with that
			})
			if s.dials() {
				t.Error("it listens after the test")
			}
			if _, err := os.Stat(s.dir); err == nil {
				t.Errorf("%s is still there", s.dir)
			}
		})
	}
}

func TestPostgresSQL(t *testing.T) {
	t.Parallel()
	p := Postgres(t, "max_connections=10")
	if got := p.SQL("CREATE TABLE t (a int, b text)", "INSERT INTO t VALUES (1, 'x'), (2, NULL)", "SELECT * FROM t"); got != "1|x\n2|" {
		t.Errorf("the rows are %q", got)
	}
	if got := p.SQL("SHOW max_connections"); got != "10" {
		t.Errorf("max_connections is %s", got)
	}
	standby := p.Standby(t)
	if got := standby.SQL("SELECT pg_is_in_recovery()"); got != "t" {
		t.Errorf("the standby is in recovery: %s", got)
	}
	if got, want := p.URL("a b", "c/d", "e"), fmt.Sprintf("postgres://a%%20b:c%%2Fd@127.0.0.1:%d/e?sslmode=disable", p.Port()); got != want {
		t.Errorf("the URL is %s, not %s", got, want)
	}
	if got := fails(t, func(t testing.TB) { p.t = t; p.SQL("SELECT nothing") }); !strings.Contains(got, `column "nothing" does not exist`) {
		t.Errorf("it fails with %s", got)
	}
}

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	nodes := RedisCluster(t)
	if got := nodes[0].Do("CLUSTER", "INFO"); !strings.Contains(got, "cluster_slots_ok:16384") {
		t.Errorf("the cluster is\n%s", got)
	}
	if got, want := nodes[0].URL("x"), "redis://:x@"+nodes[0].Addr()+"/0"; got != want {
		t.Errorf("the URL is %s, not %s", got, want)
	}
}

func TestURLs(t *testing.T) {
	s := &Server{port: 1}
	for got, want := range map[string]string{
		(&MariaDBServer{s}).URL("a", "", "b"):            "mysql://a@127.0.0.1:1/b",
		(&ClickHouseServer{Server: s}).URL("", "", "b"):  "clickhouse://127.0.0.1:1/b",
		(&ClickHouseServer{Server: s}).URL("a", "@", ""): "clickhouse://a:%40@127.0.0.1:1/",
	} {
		if got != want {
			t.Errorf("the URL is %s, not %s", got, want)
		}
	}
}

// What cannot be done fails the test with a remedy.
func TestFailures(t *testing.T) {
	sleeper := func(t testing.TB, program string, args ...string) *Server {
		s := newServer(t, "sleeper")
		s.command = func() *exec.Cmd { return exec.Command(program, args...) }
		s.ready = func() bool { return true }
		return s
	}
	for want, f := range map[string]func(t testing.TB){
		"no-such-server is not installed: run `make servers`, or install Debian's package nothing": func(t testing.TB) {
			program(t, "nothing", "/nowhere/no-such-server")
		},
		"start sleeper: it ended at once\nlast words": func(t testing.TB) {
			s := sleeper(t, "sh", "-c", "echo last words")
			s.ready = func() bool { return false }
			s.Start()
		},
		"start sleeper: fork/exec /nowhere/sleep": func(t testing.TB) { sleeper(t, "/nowhere/sleep").Start() },
		"is a directory":                func(t testing.TB) { s := newServer(t, "x"); s.write(".", "") },
		"chown":                         func(t testing.TB) { p := newPostgres(t, nil); p.as = postgresUser(t); p.own("nothing") },
		"sleeper: false: exit status 1": func(t testing.TB) { s := sleeper(t, "x"); s.run(exec.Command("false")) },
		"mkdir":                         func(t testing.TB) { m := &MariaDBServer{newServer(t, "x")}; m.write("data", ""); m.bootstrap(nil) },
	} {
		if got := fails(t, f); !strings.Contains(got, want) {
			t.Errorf("it fails with %q, not with %q", got, want)
		}
	}
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	message  string
	cleanups []func()
}

func (r *recorder) Fatal(args ...any) { r.message = fmt.Sprint(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) {
	r.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// fails returns with what f fails.
func fails(t *testing.T, f func(t testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t, message: "nothing"}
	done := make(chan struct{})
	go func() { defer close(done); f(r) }()
	<-done
	for _, f := range r.cleanups {
		f()
	}
	return r.message
}

// echo is a server that says hello, and then what it hears.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = fmt.Fprintln(conn, "hello")
				for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != "bye"; {
					_, _ = fmt.Fprintln(conn, lines.Text())
				}
				_, _ = fmt.Fprintln(conn, "bye")
			}()
		}
	}()
	return listener.Addr().String()
}

func TestProxy(t *testing.T) {
	p := Proxy(t, echo(t))
	connect := func() (net.Conn, func(want string)) {
		t.Helper()
		conn, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		reader := bufio.NewReader(conn)
		return conn, func(want string) {
			t.Helper()
			if got, err := reader.ReadString('\n'); strings.TrimSpace(got) != want {
				t.Fatalf("read %q and %v, not %q", got, err, want)
			}
		}
	}
	empty := func() {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); p.Open() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d connections are still open", p.Open())
			}
		}
	}

	conn, reads := connect()
	reads("hello")
	_, _ = fmt.Fprintln(conn, "one")
	reads("one")
	const delay = 30 * time.Millisecond
	p.Delay(delay)
	start := time.Now()
	_, _ = fmt.Fprintln(conn, "two")
	reads("two")
	if took := time.Since(start); took < delay {
		t.Errorf("an answer came after %s", took)
	}

	p.Hang()
	_, _ = fmt.Fprintln(conn, "three")
	_ = conn.SetReadDeadline(time.Now().Add(delay))
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes and %v from a proxy that hangs", n, err)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	p.Pass()
	reads("three")

	_, _ = fmt.Fprintln(conn, "bye") // the last words arrive although the server hangs up
	reads("bye")
	empty()

	p.Hang() // a client that leaves is seen to leave
	conn, _ = connect()
	_, _ = fmt.Fprintln(conn, "four")
	_ = conn.Close()
	empty()

	p.Refuse()
	if conn, err := net.Dial("tcp", p.Addr()); err == nil { // the reset may come that early
		if n, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read %d bytes and %v from a proxy that refuses", n, err)
		}
		_ = conn.Close()
	}
	p.Pass()

	conn, reads = connect()
	reads("hello")
	p.Cut()
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %v after a cut", err)
	}
	empty()
	if got := p.Accepted(); got != 4 {
		t.Errorf("accepted %d connections, not 4", got)
	}

	nothing := Proxy(t, "127.0.0.1:1")
	conn, err := net.Dial("tcp", nothing.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("a proxy of nothing: %v", err)
	}
	_ = conn.Close()
}

// The script finds what is installed, and so has nothing to do here.
func TestScriptKnowsPrograms(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "tools", "servers.sh"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgresql", "pgbouncer", "redis-server", "mariadb-server-core", "clickhouse-server"} {
		if !strings.Contains(string(text), "echo "+name+"\n") {
			t.Errorf("tools/servers.sh does not install %s", name)
		}
	}
}
