package e2e

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/serverstest"
)

// operator types the commands of the documents for PostgreSQL, with another port.
type operator struct {
	t        *testing.T
	dir      string
	document string
	port     string
}

// line returns the documents' line that begins so, after where a text is first.
func (o *operator) line(after, begin string) string {
	o.t.Helper()
	_, rest, found := strings.Cut(o.document, after)
	for line := range strings.Lines(rest) {
		if found && strings.HasPrefix(line, begin) {
			return strings.TrimSpace(strings.ReplaceAll(line, "127.0.0.1:5432", "127.0.0.1:"+o.port))
		}
	}
	o.t.Fatalf("no document has a line that begins with %q after %q", begin, after)
	return ""
}

// types runs a line, as PostgreSQL's superuser if it says so.
func (o *operator) types(line string) {
	o.t.Helper()
	command := exec.CommandContext(o.t.Context(), "bash", "-c", line)
	command.Dir = o.dir
	command.Env = append(os.Environ(), "PGPASSWORD=of-kymo")
	if strings.HasSuffix(line, "# as the user postgres") {
		command.Env = append(command.Env, "PGHOST=127.0.0.1", "PGPORT="+o.port, "PGUSER=postgres", "PGPASSWORD="+serverstest.PostgresPassword)
	}
	if out, err := command.CombinedOutput(); err != nil {
		o.t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// serves starts a hub with a line of the documents.
func (o *operator) serves(line string) *hub {
	o.t.Helper()
	store, found := strings.CutPrefix(line, "kymo serve --store ")
	if !found {
		o.t.Fatalf("%q does not serve", line)
	}
	return startHub(o.t, strings.Trim(store, "'"))
}

// A dump that is made while a hub runs, and restored, has what was acknowledged before: as
// docs/postgres.md and docs/operations.md tell to do it.
func TestPostgresBackup(t *testing.T) {
	server := serverstest.Postgres(t)
	address, err := url.Parse(server.URL("postgres", serverstest.PostgresPassword, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGPASSWORD", "of-kymo")
	o := &operator{t: t, dir: t.TempDir(), port: address.Port()}
	for _, name := range []string{"../docs/postgres.md", "../docs/operations.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		o.document += string(text)
	}
	o.types(o.line("# PostgreSQL as the store", "createuser kymo"))
	server.SQL("ALTER ROLE kymo PASSWORD 'of-kymo'")

	h := o.serves(o.line("# PostgreSQL as the store", "kymo serve"))
	before, after := newKept(t, "before", 300), newKept(t, "after", 100)
	before.send(h)
	dump := o.line("## PostgreSQL: backup", "pg_dump")
	o.types(dump)
	after.send(h)
	h.stop()
	o.types(o.line("## PostgreSQL: backup", "createdb"))
	restore := o.line("## PostgreSQL: backup", "pg_restore")
	o.types(restore)
	restored := o.serves(o.line("## PostgreSQL: backup", "kymo serve"))
	before.check(restored)
	restored.stop()

	// A schema of its own in the database of an application.
	server.SQL("CREATE DATABASE app")
	o.types(o.line("Kymo can use a schema of its own", "psql app"))
	h = o.serves(o.line("Kymo can use a schema of its own", "kymo serve"))
	before.send(h)
	o.types(strings.Replace(dump, "/kymo'", "/app'", 1) + " --schema=kymo")
	h.stop()
	server.SQL("DROP DATABASE app", "CREATE DATABASE app")
	o.types(o.line("If Kymo has a schema of its own", "psql app"))
	o.types(o.line("If Kymo has a schema of its own", "pg_restore"))
	before.check(o.serves(o.line("Kymo can use a schema of its own", "kymo serve")))
}

// kept is a body that was acknowledged.
type kept struct {
	t *testing.T
	parcel
}

func newKept(t *testing.T, instance string, requests int) kept {
	t.Helper()
	events := makeEvents(random(t), "orders", requests, time.Now())
	return kept{t, parcel{batchesPath, asBatch, encodeBatch(events, instance, 1), events}}
}

func (p kept) send(h *hub) {
	p.t.Helper()
	h.mustPost(p.path, p.body, len(p.events), p.header...)
}

// check checks that a restored hub has the body's requests alone, and knows the body.
func (p kept) check(h *hub) {
	p.t.Helper()
	a, err := h.post(p.path, bytes.NewReader(p.body), p.header...)
	if err != nil {
		p.t.Fatal(err)
	}
	if r, err := a.receipt(); err != nil || !r.Duplicate {
		p.t.Errorf("the restored hub does not know a batch that it has: %s, %v", a.body, err)
	}
	o := new(oracle)
	o.add(p.events...)
	o.checkAll(p.t, h, 168)
}
