package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// project is the import path of the SDK, and the beginning of every other.
const project = "github.com/kymohq/kymo"

// room is a package of the product and what it may import: the standard
// library, the packages of the floors up to upTo, and what beside and outside
// name. Tests may import more: they are not shipped, and the compiler itself
// refuses the cycles that this could make.
type room struct {
	path    string // within the project; "." is the SDK
	floor   int
	upTo    int      // the highest floor it may import from, under its own; -1 is none
	beside  []string // packages on its own floor
	outside []string // packages of others, each with those below it
	why     string   // why it may not import more

	onlyFor []string // who may import it; nil is every room on a floor above
	onlyWhy string   // why no other may

	never    []string // packages that must not come along with it, through whatever others, each with those below it
	neverWhy string
}

var (
	tests    = []string{}
	choosers = []string{"hub", "hub/internal/store/engines"}

	// drivers are what the hub's command has use for, and a program that embeds the
	// hub has not.
	drivers = []string{
		"github.com/jackc/pgx/v5", "github.com/go-sql-driver/mysql", "github.com/redis/go-redis/v9",
		"github.com/ClickHouse/clickhouse-go/v2", "github.com/ClickHouse/ch-go", "google.golang.org/grpc",
		"github.com/alecthomas/kong", "github.com/goccy/go-yaml", "github.com/fsnotify/fsnotify",
		"hub/internal/probe", "hub/internal/store/engines", "hub/checks",
	}
	driversWhy = "a program that embeds the hub must not get the drivers of what the command can check and store in"
)

var rooms = []room{
	{path: "internal/hist", floor: 0, upTo: -1,
		why: "a histogram is a value, of use without the rest of Kymo; and it is part of the SDK"},

	{path: "internal/printable", floor: 0, upTo: -1,
		why: "a character is fit to be shown or not, whatever shows it; and it is part of the SDK"},

	{path: "internal/racetest", floor: 0, upTo: -1,
		why: "whether the race detector is at work depends on nothing"},

	{path: "internal/duration", floor: 0, upTo: -1,
		why: "a duration reads the same, whatever took it; and it is part of the SDK"},

	{path: "internal/timeout", floor: 0, upTo: -1,
		why: "a context has a timeout, whatever it is for; and it is part of the SDK"},

	{path: "health", floor: 0, upTo: -1,
		beside: []string{"internal/printable", "internal/duration", "internal/timeout"}, // names and reasons; runs
		why:    "it watches a service's dependencies and may have none of its own; and it is part of the SDK"},

	{path: "internal/serverstest", floor: 0, upTo: -1,
		why:     "it starts servers for the tests of every module, the SDK's among them",
		onlyFor: tests,
		onlyWhy: "it would bring the package testing into the product"},

	{path: "internal/wire", floor: 1, upTo: 0,
		why: "the SDK and the hub share its words, so it can know neither; and it is part of the SDK"},

	{path: ".", floor: 2, upTo: 1,
		why: "a service that imports the SDK must get no driver, no server and no dependency with it"},

	{path: "kymotest", floor: 3, upTo: 2,
		why:     "users import it for their tests, and must get no dependency with it",
		onlyFor: tests,
		onlyWhy: "it would bring the package testing into the product"},
	adapter("contrib/chi", "github.com/go-chi/chi/v5"),
	adapter("contrib/connect", "connectrpc.com/connect"),
	adapter("contrib/echo", "github.com/labstack/echo/v4"),
	adapter("contrib/echo5", "github.com/labstack/echo/v5"),
	adapter("contrib/fiber", "github.com/gofiber/fiber/v3", "github.com/valyala/fasthttp"),
	adapter("contrib/gin", "github.com/gin-gonic/gin"),
	adapter("contrib/grpc", "google.golang.org/grpc"),
	adapter("contrib/mux", "github.com/gorilla/mux"),

	{path: "hub/internal/rollup", floor: 3, upTo: 1,
		why: "stores, readers and reports all speak in its words, so it can know none of them"},
	{path: "hub/internal/ingest", floor: 3, upTo: 1,
		beside: []string{"hub/internal/nearest"}, // misspelt fields
		why:    "a reader turns bytes into requests; which are kept, and under which endpoint, is up to the intake"},
	{path: "hub/internal/template", floor: 3, upTo: 1,
		why: "a path becomes an endpoint by its text alone"},
	{path: "hub/internal/store", floor: 3, upTo: 1,
		beside: []string{"hub/internal/rollup"}, // what a query selects and what it yields
		why:    "an interface that knew one engine would bend to it"},
	{path: "hub/internal/store/seen", floor: 3, upTo: 1,
		why: "a set of numbers is a value, whatever they number and wherever it is kept"},
	{path: "hub/internal/store/page", floor: 3, upTo: 1,
		why: "bytes that hold histograms mean the same in every engine"},
	{path: "hub/internal/store/gather", floor: 3, upTo: 1,
		beside: []string{"hub/internal/store"}, // the errors that tell whether to try again
		why:    "what waits for a write is batches; which engine writes them is up to its caller"},
	{path: "hub/internal/store/remote", floor: 3, upTo: 1,
		beside: []string{"hub/internal/store"}, // the errors that a server's become
		why:    "what stores in servers share knows none of their drivers"},
	{path: "hub/internal/store/cover", floor: 3, upTo: 1,
		beside: []string{"hub/internal/rollup"}, // the window
		why:    "how a window is covered follows from lengths alone, not from where sums are kept"},

	{path: "hub/internal/maintenance", floor: 3, upTo: 1,
		why: "when a window is in force follows from how it is written alone"},
	{path: "hub/internal/nearest", floor: 3, upTo: -1,
		why: "it compares names, whatever they name"},
	{path: "hub/internal/goldentest", floor: 3, upTo: -1,
		why:     "it compares texts, whatever they are",
		onlyFor: tests,
		onlyWhy: "it would bring the package testing into the product"},
	{path: "hub/internal/hosts", floor: 3, upTo: -1,
		why: "which names are answered depends on the names alone"},
	{path: "hub/internal/retry", floor: 3, upTo: -1,
		why: "it repeats anything, whatever that is"},
	{path: "hub/internal/atomicfile", floor: 3, upTo: -1,
		why: "it replaces any file, whatever is in it"},
	{path: "hub/internal/webserver", floor: 3, upTo: -1,
		beside: []string{"internal/duration", "hub/internal/atomicfile"}, // errors; the file with the URL
		why:    "it serves a handler, whatever that answers"},
	{path: "hub/internal/clock", floor: 3, upTo: 0,
		outside: []string{"golang.org/x/sys"}, // how long the machine slept
		why:     "it judges the time, whatever that is for"},
	{path: "hub/internal/loop", floor: 3, upTo: -1,
		why: "it runs anything again and again, whatever that is"},
	{path: "hub/internal/outage", floor: 3, upTo: -1,
		beside: []string{"internal/duration"}, // how long it lasted
		why:    "it logs anything that fails for a while, whatever that is"},
	{path: "hub/internal/figure", floor: 3, upTo: -1,
		why: "a number is written alike, whatever it counts"},
	{path: "hub/internal/term", floor: 3, upTo: -1,
		beside:  []string{"internal/printable", "internal/duration", "hub/internal/figure"}, // the cells of a table; progress
		outside: []string{"golang.org/x/term"},
		why:     "a terminal shows lines and tables, whatever they are about"},

	{path: "hub/internal/report", floor: 4, upTo: 3,
		why: "it turns rollups into numbers, the same ones whichever store they come from"},
	{path: "hub/internal/drill", floor: 4, upTo: 3,
		why: "it finds single requests in any store; how an answer looks is up to the API"},
	{path: "hub/internal/intake", floor: 4, upTo: 3,
		why: "what arrived is kept by the same rules, whatever it came through and whichever store takes it"},
	{path: "hub/internal/fleet", floor: 4, upTo: 3,
		why: "what services say of themselves becomes a verdict in memory alone"},
	{path: "hub/internal/probe/modelservertest", floor: 4, upTo: -1,
		why:     "it stands for a model server, which knows nothing of Kymo",
		onlyFor: tests,
		onlyWhy: "it answers nonsense on purpose"},
	{path: "hub/internal/store/storetest", floor: 4, upTo: 3,
		outside: []string{"pgregory.net/rapid"},
		why:     "it asks of every store what the interface promises, and nothing that only one can do",
		onlyFor: tests,
		onlyWhy: "it would bring the package testing into the product"},
	{path: "hub/internal/store/pebblestore", floor: 4, upTo: 3,
		outside: []string{"github.com/cockroachdb/pebble/v2", "github.com/klauspost/compress"},
		why:     "a store that knew another one, a reader or a report could not be replaced alone",
		onlyFor: choosers,
		onlyWhy: "everything else works with any store; the embedded hub has this one, and engines chooses by name"},

	{path: "hub/internal/store/pgstore", floor: 4, upTo: 3,
		outside: []string{"github.com/jackc/pgx/v5"},
		why:     "a store that knew another one, a reader or a report could not be replaced alone",
		onlyFor: []string{"hub/internal/store/engines"},
		onlyWhy: "everything else works with any store, and engines chooses by name; the embedded hub takes no driver with it"},

	{path: "hub/internal/store/chstore", floor: 4, upTo: 3,
		outside: []string{"github.com/ClickHouse/clickhouse-go/v2", "golang.org/x/sync"}, // errgroup: shards are asked at once
		why:     "a store that knew another one, a reader or a report could not be replaced alone",
		onlyFor: []string{"hub/internal/store/engines"},
		onlyWhy: "everything else works with any store, and engines chooses by name; the embedded hub takes no driver with it"},

	{path: "hub/internal/storecopy", floor: 4, upTo: 3,
		why: "it copies between any two stores; opening them and printing are up to its caller"},
	{path: "hub/internal/snapshot", floor: 4, upTo: 3,
		why: "it makes files a stream and a stream files, whichever store they are of; how the stream travels is up to its caller"},
	{path: "hub/internal/store/engines", floor: 5, upTo: 4,
		why:     "it opens stores; what is kept in them is up to its caller",
		onlyFor: []string{"hub/cmd/kymo"},
		onlyWhy: "it brings every driver with it, which the embedded hub must not"},

	{path: "hub/internal/etag", floor: 3, upTo: -1,
		why: "a name of some bytes is made of those bytes alone"},

	{path: "hub/internal/web", floor: 4, upTo: -1,
		beside:  []string{"hub/internal/etag"},
		why:     "it serves files; what they show, they ask of the hub like anyone else",
		onlyFor: []string{"hub/internal/api"},
		onlyWhy: "one place lists the routes"},

	{path: "hub/internal/api", floor: 5, upTo: 4,
		outside: []string{"github.com/danielgtaylor/huma/v2", "github.com/klauspost/compress"}, // routes; bodies
		why:     "it is how the hub is spoken to; it starts nothing and opens nothing"},

	{path: "hub/internal/client", floor: 5, upTo: 4,
		why: "it asks a hub over HTTP like any other client; what becomes of an answer is up to its caller"},
	{path: "hub/internal/fileimport", floor: 6, upTo: 5,
		why: "it sends files to a hub over HTTP; what is printed is up to its caller"},
	{path: "hub/internal/text", floor: 6, upTo: 5,
		beside: []string{"hub/internal/fileimport"}, // its results
		why:    "it writes answers and results, whatever asked for them"},
	{path: "hub/internal/demo", floor: 6, upTo: 5,
		beside:  []string{"hub/internal/text"},
		outside: []string{"github.com/jackc/pgx/v5", "github.com/redis/go-redis/v9"}, // the stand-ins and the shop's clients
		why:     "it uses a hub as any service does, through the SDK and over HTTP"},

	{path: "hub/internal/config", floor: 5, upTo: 4,
		why: "it validates what it is given; it reads nothing, and makes a probe only with a constructor that it is given"},
	{path: "hub/internal/config/settings", floor: 6, upTo: 5,
		outside: []string{"github.com/goccy/go-yaml"},
		why:     "it reads a configuration, whatever becomes of it",
		onlyFor: []string{"hub/internal/reload", "hub/cmd/kymo"},
		onlyWhy: "an embedded hub is configured in Go"},
	{path: "hub/internal/probe", floor: 6, upTo: 5,
		outside: []string{
			"github.com/jackc/pgx/v5", "github.com/go-sql-driver/mysql", "github.com/redis/go-redis/v9",
			"github.com/ClickHouse/clickhouse-go/v2", "google.golang.org/grpc", "github.com/ClickHouse/ch-go", "golang.org/x/net",
		},
		why:     "it looks at what others run, each in its own protocol; what becomes of a verdict is up to its caller",
		onlyFor: []string{"hub/checks", "hub/cmd/kymo"},
		onlyWhy: "it brings the drivers of all types of checks with it"},
	{path: "hub/internal/core", floor: 6, upTo: 5,
		why:   "it works over any store and with any probes; opening and making them is up to its caller",
		never: drivers, neverWhy: driversWhy},

	{path: "hub/internal/simulation", floor: 7, upTo: -1,
		why:     "it has tests alone, of the hub over the embedded store",
		onlyFor: tests,
		onlyWhy: "there is nothing in it to import"},

	{path: "hub/internal/healthwatch", floor: 7, upTo: 6,
		why: "it asks a hub over HTTP, again and again; where its lines go is up to its caller"},
	{path: "hub/internal/checkup", floor: 6, upTo: 5,
		why: "it runs checks with the probes that it is given; what is printed of the answer is up to its caller"},
	{path: "hub/internal/reload", floor: 7, upTo: 6,
		outside: []string{"github.com/fsnotify/fsnotify"},
		why:     "it applies a configuration to a hub; when that is due is up to its caller",
		onlyFor: []string{"hub/cmd/kymo"},
		onlyWhy: "an embedded hub is given its configuration in Go"},

	{path: "hub", floor: 7, upTo: 6,
		why:   "a service that embeds the hub gets the hub, without the command around it",
		never: drivers, neverWhy: driversWhy},
	{path: "hub/checks", floor: 7, upTo: 6,
		why: "it makes the probes that the configuration can name; it runs none"},

	{path: "hub/cmd/kymo", floor: 8, upTo: 7,
		outside: []string{"github.com/alecthomas/kong"},
		why:     "it may import all of Kymo; what it takes from others is listed, so that more of it is noticed"},
}

// adapter is the room of an SDK's adapter to a framework.
func adapter(path string, framework ...string) room {
	return room{path: path, floor: 3, upTo: 2, outside: framework,
		why:     "who uses one framework must get neither another one nor the hub with it",
		onlyFor: tests,
		onlyWhy: "it is for services; the product has no use for its framework"}
}

func TestFloors(t *testing.T) {
	imports := productImports(t)
	for _, r := range rooms {
		if _, ok := imports[r.path]; !ok {
			t.Errorf("the table of floors has %q, which is not a package", r.path)
		}
		if r.upTo >= r.floor {
			t.Errorf("the table of floors lets %q import its own floor or one above it", r.path)
		}
	}
	for importer, imported := range imports {
		r := find(importer)
		if r == nil {
			t.Errorf("%q is on no floor: add it to the table, with the reason why it may not import more", importer)
			continue
		}
		for _, i := range imported {
			if reason := r.forbids(i); reason != "" {
				t.Errorf("%q must not import %q: %s", importer, i, reason)
			}
		}
	}
}

// The rule itself, on imports that a change could bring.
func TestForbids(t *testing.T) {
	for _, test := range []struct {
		importer, imported string
		reason             string // a part of it; empty if the import is allowed
	}{
		{".", "net/http", ""},
		{".", "internal/wire", ""},
		{".", "golang.org/x/sys/unix", "no dependency"},
		{".", "hub", "no server"},
		{"internal/hist", "internal/wire", "a value"},
		{"hub/internal/rollup", ".", "can know none of them"},
		{"hub/internal/store", "hub/internal/rollup", ""},
		{"hub/internal/store", "hub/internal/template", "would bend"},
		{"hub/internal/ingest", "hub/internal/report", "up to the intake"},
		{"hub/internal/store/pebblestore", "github.com/cockroachdb/pebble/v2/vfs", ""},
		{"hub/internal/store/pebblestore", "github.com/cockroachdb/pebble", "replaced alone"},
		{"hub/internal/intake", "hub/internal/ingest", ""},
		{"hub/internal/intake", "hub/internal/store/pebblestore", "works with any store"},
		{"hub/internal/api", "hub/internal/store", ""},
		{"hub/internal/api", "hub/internal/store/pebblestore", "engines chooses"},
		{"hub/internal/api", "hub/internal/store/storetest", "package testing"},
		{"hub/internal/api", "hub/internal/unheard", "opens nothing"},
		{"hub/cmd/kymo", "hub/internal/store/pebblestore", "engines chooses"},
		{"hub/cmd/kymo", "hub/internal/store/engines", ""},
		{"hub", "hub/internal/store/engines", "every driver"},
		{"hub/cmd/kymo", "hub", ""},
		{"hub/internal/core", "hub/internal/probe", "drivers"},
		{"hub/checks", "hub/internal/probe", ""},
		{"hub", "hub/internal/config/settings", "configured in Go"},
		{"contrib/chi", ".", ""},
		{"contrib/chi", "github.com/go-chi/chi/v5", ""},
		{"contrib/chi", "github.com/gin-gonic/gin", "neither another one"},
		{"contrib/chi", "hub", "neither another one"},
		{"contrib/chi", "kymotest", "package testing"},
		{".", "kymotest", "package testing"},
	} {
		reason := find(test.importer).forbids(test.imported)
		if (reason == "") != (test.reason == "") || !strings.Contains(reason, test.reason) {
			t.Errorf("%q imports %q: reason is %q, want %q", test.importer, test.imported, reason, test.reason)
		}
	}
}

// Every room is on the map that a newcomer reads.
func TestMap(t *testing.T) {
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rooms {
		row := r.path
		if strings.HasPrefix(row, "contrib/") {
			row = "contrib/*" // one for all of them
		}
		if row != "." && !strings.Contains(string(text), fmt.Sprintf("| `%s` |", row)) {
			t.Errorf("ARCHITECTURE.md has no row for %s", row)
		}
	}
}

func find(path string) *room {
	i := slices.IndexFunc(rooms, func(r room) bool { return r.path == path })
	if i < 0 {
		return nil
	}
	return &rooms[i]
}

// forbids returns why the room may not import a package, or "" if it may.
// Packages of the project are named by their path within it.
func (r *room) forbids(path string) string {
	imported := find(path)
	switch {
	case imported == nil:
		first, _, _ := strings.Cut(path, "/")
		standard := !strings.Contains(first, ".") && first != "hub"
		if standard || slices.ContainsFunc(r.outside, func(o string) bool { return path == o || strings.HasPrefix(path, o+"/") }) {
			return ""
		}
		return r.why
	case imported.onlyFor != nil && !slices.Contains(imported.onlyFor, r.path):
		return imported.onlyWhy
	case imported.floor <= r.upTo, slices.Contains(r.beside, path):
		return ""
	}
	return r.why
}
