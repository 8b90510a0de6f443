package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kymohq/kymo/hub/internal/checkup"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/demo"
	"github.com/kymohq/kymo/hub/internal/term"
)

// judge validates configurations by all means: the commands, run in this process with the
// variables that the files name, and hub.Open.
type judge struct {
	taken string // an address where no hub can listen, so that serve ends
	vars  map[string]string
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"status": "healthy"}`))
	}))
	t.Cleanup(site.Close)
	return &judge{taken: l.Addr().String(), vars: map[string]string{
		"SITE": site.URL, "KYMO_INGEST_TOKEN": "in", "KYMO_READ_TOKEN": "out",
	}}
}

func (j *judge) kymo(t *testing.T, args ...string) *ran {
	t.Helper()
	var environ []string
	for name, value := range j.vars {
		environ = append(environ, name+"="+value)
	}
	r := new(ran)
	r.status = run(t.Context(), args, nil, &r.stdout, &r.stderr, environ)
	return r
}

// judge fails the test unless all have the same verdict on the file, which it returns.
func (j *judge) judge(t *testing.T, file string) config.Errors {
	t.Helper()
	conf, err := settings.Load(settings.Source{Path: file, Vars: j.vars}, makers)
	wrong, _ := errors.AsType[config.Errors](err)
	if err != nil && wrong == nil {
		t.Fatal(err)
	}
	if wrong == nil {
		j.right(t, file, conf)
	} else {
		var lines strings.Builder
		for _, e := range wrong {
			fmt.Fprintln(&lines, "kymo:", term.OneLine(e.Error()))
			if e.Path != file || e.Line < 1 {
				t.Errorf("without its place: %v", e)
			}
		}
		for _, args := range [][]string{{"serve", "--config", file}, {"check", "--config", file}, {"config", "check", file}} {
			if r := j.kymo(t, args...); r.status != exitFailed || r.stderr.String() != lines.String() || r.stdout.String() != "" {
				t.Errorf("kymo %s: status %d, stderr\n%swant\n%s", strings.Join(args, " "), r.status, &r.stderr, &lines)
			}
		}
	}
	j.embedded(t, file, wrong)
	return wrong
}

// right fails the test unless the commands take the file. The checks are not run:
// they name servers that are not there.
func (j *judge) right(t *testing.T, file string, conf *config.Config) {
	t.Helper()
	r := j.kymo(t, "config", "check", file)
	r.expect(t, exitOK, "")
	if want := file + ": ok: "; !strings.HasPrefix(r.stdout.String(), want) {
		t.Errorf("config check prints %q, want %q", &r.stdout, want)
	}
	j.kymo(t, "serve", "--config", file, "--listen", j.taken).expect(t, exitFailed, j.taken+" is in use by another process")
	targets, err := checkup.NewTargets(conf, makers)
	if err != nil {
		t.Fatal(err)
	}
	checkup.Close(targets)
	want := "kymo: no-such-check: " + file + " has no check and no polled service of this name; it has "
	if len(targets) == 0 {
		want = "kymo: " + file + ": has nothing to check; "
	}
	j.kymo(t, "check", "--config", file, "no-such-check").expect(t, exitFailed, want)
}

// TestOneVerdict: on each configuration file in the tree's testdata, those in scripts
// included, all commands and hub.Open have the same verdict.
func TestOneVerdict(t *testing.T) {
	j := newJudge(t)
	for _, file := range testdataFiles(t, ".yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) { j.expected(t, file) })
	}
	for _, script := range testdataFiles(t, ".txtar") {
		t.Run(filepath.Base(script), func(t *testing.T) {
			archive, err := txtar.ParseFile(script)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			if err := txtar.Write(archive, "."); err != nil {
				t.Fatal(err)
			}
			for _, f := range archive.Files {
				if filepath.Ext(f.Name) == ".yaml" {
					j.judge(t, f.Name)
				}
			}
		})
	}
}

// testdataFiles returns the files with the extension in every testdata of the tree.
func testdataFiles(t *testing.T, extension string) []string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || path == filepath.Join(root, "build")):
			return fs.SkipDir
		case filepath.Ext(path) == extension && strings.Contains(filepath.ToSlash(path), "/testdata/"):
			files = append(files, path)
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// expected judges a file and compares the verdict with the file's first lines: one
// for each error, "# wrong: " and the line, the field and the problem; or "# right:
// run: " and the exit status of kymo check, if all that it checks is there.
func (j *judge) expected(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(content)) {
		if problem, ok := strings.CutPrefix(strings.TrimSpace(line), "# wrong: "); ok {
			want = append(want, file+":"+problem)
		}
	}
	var got []string
	for _, e := range j.judge(t, file) {
		got = append(got, e.Error())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var status int
	if n, _ := fmt.Sscanf(string(content), "# right: run: %d\n", &status); n == 1 {
		j.kymo(t, "check", "--config", file).expect(t, status, "")
	}
}

// TestVerdictOnTheDemo: the demo's checks are valid in a file, too, and succeed; and a
// wrong store gives the same error as with serve.
func TestVerdictOnTheDemo(t *testing.T) {
	j := newJudge(t)
	backends, err := demo.StartBackends()
	if err != nil {
		t.Fatal(err)
	}
	defer backends.Stop()
	file := filepath.Join(t.TempDir(), "demo.yaml")
	write(t, file, "checks:\n"+asFile(backends.Checks()))
	if wrong := j.judge(t, file); wrong != nil {
		t.Error(wrong)
	}
	j.kymo(t, "check", "--config", file).expect(t, exitOK, "")

	for _, store := range []string{"mongodb://127.0.0.1/kymo", "postgres://db/kymo?sslmode=perhaps", "clickhouse://a,b/kymo"} {
		served, shown := j.kymo(t, "serve", "--store", store), j.kymo(t, "demo", "--store", store)
		if served.status != exitFailed || shown.status != exitFailed || served.stderr.String() != shown.stderr.String() {
			t.Errorf("%s: serve %d %q, demo %d %q", store, served.status, &served.stderr, shown.status, &shown.stderr)
		}
	}
}

// asFile returns checks in the syntax of a configuration file.
func asFile(checks []config.Check) string {
	var b strings.Builder
	for _, c := range checks {
		v := reflect.ValueOf(c)
		b.WriteString("  -\n")
		for key, field := range config.Fields(v.Type()) {
			switch value := v.FieldByIndex(field.Index).Interface().(type) {
			case string:
				if value != "" {
					fmt.Fprintf(&b, "    %s: %q\n", key, value)
				}
			case time.Duration:
				if value != 0 {
					fmt.Fprintf(&b, "    %s: %s\n", key, value)
				}
			case bool:
				if value {
					fmt.Fprintf(&b, "    %s: %t\n", key, value)
				}
			}
		}
	}
	return b.String()
}
