package engines

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct{ name, want string }{ // a part of the error, empty for none
		{"", "is empty; name a directory, like ./kymo-data"},
		{"./kymo-data", ""},
		{"postgres://me:hunter2@db/kymo", ""},
		{"postgresql://me@db:5432,other:5432/kymo?sslmode=verify-full", ""},
		{"postgres://me:hunter2@db/kymo?sslmode=perhaps", "sslmode"},
		{"clickhouse://me:hunter2@ch1,ch2/kymo?cluster=main", ""},
		{"clickhouse://me:hunter2@ch1,ch2/kymo", "add ?cluster=name"},
		{"mysql://me:hunter2@db/kymo", "there is no mysql store; name a directory, "},
		{"me:hunter2@postgres://db/kymo", "there is no … store; name a directory, "},
		{"postgres:me:hunter2@db/kymo", "looks like a server, but not like its URL; "},
		{"host=db password=hunter2", "looks like a server, but not like its URL; "},
		{"postgres://me@db/kymo?password=hunter2&sslmode=perhaps", "the URL cannot be used"},
		{"postgres://me:hunter2@7@db/kymo", "percent-encoded"},
		{"clickhouse://me:hunter2@7@db/kymo", "percent-encoded"},
	} {
		err := Check(test.name)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a password in %v", err)
		}
	}
}

func TestShow(t *testing.T) {
	for name, want := range map[string]string{
		"./kymo-data":                                                    "./kymo-data",
		"postgres://me:hunter2@db/kymo":                                  "postgres://me@db/kymo",
		"postgresql://me@db/kymo?sslPassword=hunter2":                    "postgresql://me@db/kymo",
		"postgres://me:hunter2@db/kymo?password=hunter2&sslmode=disable": "postgres://me@db/kymo?sslmode=disable",
		"postgres://me:hun%ter2@db/kymo":                                 "postgres://…",
		"postgres://me:hunter2@7@db/kymo":                                "postgres://…",
		"postgres://me:1/hunter2@db/kymo":                                "postgres://…",
		"me:hunter2@postgres://db/kymo":                                  "…://…",
		"clickhouse://me:hunter2@ch1:9000/kymo":                          "clickhouse://me@ch1:9000/kymo",
		"mysql://me:hunter2@db/kymo":                                     "mysql://…",
	} {
		if got := Show(name); got != want {
			t.Errorf("%s is shown as %s, want %s", name, got, want)
		}
	}
}

// TestOpenErrors: each names the store, and none its password.
func TestOpenErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir("newer", 0o755), os.WriteFile("newer/FORMAT", []byte("99\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	quiet := Options{Logger: slog.New(slog.DiscardHandler)}
	s, err := Open("used", quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, want := range map[string]string{
		"":                                       "store: is empty; ",
		"used":                                   "store: another process uses " + filepath.Join(here, "used") + "; stop it, or name another directory with --store",
		"newer":                                  "store: " + filepath.Join(here, "newer") + " was written by a newer version of Kymo; use that one, or name another directory with --store",
		"mysql://db":                             "store: there is no mysql store; ",
		"used/FORMAT":                            "store: cannot open " + filepath.Join(here, "used/FORMAT") + ": it is a file; name a directory",
		"used/FORMAT/below":                      "store: cannot open " + filepath.Join(here, "used/FORMAT/below") + ": mkdir " + filepath.Join(here, "used/FORMAT") + ": not a directory",
		"postgres://me:hunter2@127.0.0.1:1/kymo": "store: cannot open postgres://me@127.0.0.1:1/kymo: PostgreSQL: no server answers at 127.0.0.1:1 (connection refused); start the server, or name another store",
		"clickhouse://me:hunter2@127.0.0.1:1/kymo": "store: cannot open clickhouse://me@127.0.0.1:1/kymo: ClickHouse: no server answers at 127.0.0.1:1 (connection refused); start the server, or name another store",
	} {
		s, err := Open(name, quiet)
		if s != nil || err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, %v, want %q", name, s, err, want)
		}
	}
	for name, missing := range map[string]bool{"used": false, "postgres://db/kymo": false, "none": true, ".": true} {
		if err := CheckExists(name); (err != nil) != missing {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat("none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("CheckExists made a directory: %v", err)
		}
	}
}
