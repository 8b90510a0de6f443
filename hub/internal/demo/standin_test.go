package demo

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/probe"
)

// troubled returns the controls of backends that run, and a function that runs the
// hub's check of one of them once.
func troubled(t *testing.T) (c *controls, run func(name string) health.Result) {
	t.Helper()
	b, err := StartBackends()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	probes := make(map[string]health.Probe)
	for name, spec := range map[string]*probe.Spec{
		"database": {Type: "postgres", URL: b.databaseURL()},
		"redis":    {Type: "redis", URL: b.redisURL(), ScratchKey: "scratch"}, // the demo's own keeps away from it
	} {
		p, err := probe.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		probes[name] = p
	}
	return newControls(b, func() {}), func(name string) health.Result {
		t.Helper()
		f, err := health.Run(t.Context(), probes[name], health.Every(2*time.Second),
			health.Timeout(1500*time.Millisecond), health.DegradedOver(250*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
}

// TestTrouble: the hub's checks see what the keys do.
func TestTrouble(t *testing.T) {
	c, run := troubled(t)
	steps := []struct {
		key    byte
		done   string
		name   string
		want   health.Status
		reason string // a part of it
	}{
		{'?', "", "database", health.Healthy, ""},
		{'?', "", "redis", health.Healthy, ""},
		{'d', "the database is stopped", "database", health.Down, "refused"},
		{'d', "the database is started", "database", health.Healthy, ""},
		{'s', "the database takes 700 ms for each answer", "database", health.Degraded, "over 250 ms"},
		{'f', "the database is frozen: it takes connections and does not answer", "database", health.Down, "no answer within"},
		{'f', "the database is thawed", "database", health.Healthy, ""},
		{'s', "the database takes 700 ms for each answer", "redis", health.Healthy, ""},
		{'s', "the database is as fast as before", "database", health.Healthy, ""},
		{'r', "redis is stopped", "redis", health.Down, "refused"},
		{'r', "redis is started", "redis", health.Healthy, ""},
	}
	for _, s := range steps {
		if done := c.press(s.key); done != s.done {
			t.Errorf("%c: %q, want %q", s.key, done, s.done)
		}
		if f := run(s.name); f.Status != s.want || !strings.Contains(f.Reason, s.reason) {
			t.Errorf("%c: %s is %s (%s), want %s (%s)", s.key, s.name, f.Status, f.Reason, s.want, s.reason)
		}
	}
}

// TestPortTakenMeanwhile: the error names the port of a stopped server that is now in use.
func TestPortTakenMeanwhile(t *testing.T) {
	c, _ := troubled(t)
	if err := c.redis.start(); err != nil { // it runs already
		t.Error(err)
	}
	c.press('r')
	l, err := net.Listen("tcp", c.redis.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := c.press('r'); !strings.HasPrefix(got, "redis cannot be started (listen tcp ") || !strings.HasSuffix(got, "; try again") {
		t.Errorf("got %q", got)
	}
}

// TestDatabaseStandIn uses the protocol in ways that the check and the shop do not.
func TestDatabaseStandIn(t *testing.T) {
	c, _ := troubled(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, strings.Replace(c.databaseURL(), "disable", "prefer", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, "SELECT 1").ReadAll()
	if err != nil || string(results[0].Rows[0][0]) != "1" {
		t.Errorf("a simple query: %v, %v", results, err)
	}
	if _, err := conn.Prepare(ctx, "one", "SELECT 1", nil); err != nil {
		t.Error(err)
	}
	if r := conn.ExecPrepared(ctx, "one", nil, nil, nil).Read(); r.Err != nil || string(r.Rows[0][0]) != "1" {
		t.Errorf("a prepared statement: %v, %v", r.Rows, r.Err)
	}
	if err := conn.Deallocate(ctx, "one"); err != nil {
		t.Error(err)
	}
	if err := conn.CancelRequest(ctx); err != nil {
		t.Errorf("a request to cancel: %v", err)
	}

	// What does not speak the protocol gets no answer.
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x08\x04\xd2\x16\x2f"} {
		raw, err := net.Dial("tcp", c.database.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(raw, text)
		raw.(*net.TCPConn).CloseWrite()
		if answer, _ := io.ReadAll(raw); len(strings.Trim(string(answer), "N")) > 0 {
			t.Errorf("%q: %q", text, answer)
		}
		raw.Close()
	}
}

func TestRedisCommands(t *testing.T) {
	k := new(redisKeys)
	for _, test := range []struct{ command, want string }{
		{"PING", "+PONG\r\n"},
		{"ping", "+PONG\r\n"},
		{"HELLO 3", "-ERR unknown command\r\n"},
		{"CLIENT SETNAME kymo", "+OK\r\n"},
		{"SELECT 0", "+OK\r\n"},
		{"GET a", "$-1\r\n"},
		{"SET a", "-ERR unknown command\r\n"},
		{"SET a b EX 60", "+OK\r\n"},
		{"GET a", "$1\r\nb\r\n"},
	} {
		if got := k.answer(strings.Fields(test.command), 1); got != test.want {
			t.Errorf("%s: %q, want %q", test.command, got, test.want)
		}
	}
	if k.forget(); k.keys != nil {
		t.Error("a restart keeps keys")
	}
	for text, want := range map[string]string{
		"*2\r\n$3\r\nGET\r\n$1\r\na\r\n": "[GET a]",
		"*0\r\n":                         "",
		"*65\r\n":                        "",
		"*-1\r\n":                        "",
		"*one\r\n":                       "",
		"PING\r\n":                       "",
		"\r\n":                           "",
		"*1\r\n+PING\r\n":                "",
		"*1\r\n$4\r\nPI":                 "",
		"*1":                             "",
	} {
		words, err := readCommand(bufio.NewReader(strings.NewReader(text)))
		got := ""
		if err == nil {
			got = "[" + strings.Join(words, " ") + "]"
		}
		if got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}
