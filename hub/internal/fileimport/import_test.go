package fileimport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/retry"
	"github.com/kymohq/kymo/internal/wire"
)

// hubThat answers each batch.
func hubThat(t *testing.T, answer func(b *wire.Batch) string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b wire.Batch
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = wire.Decode(body, &b)
		}
		if err != nil || r.URL.Path != client.BatchesPath {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		io.WriteString(w, answer(&b))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// rowsFile returns the path of a file with the number of rows.
func rowsFile(t *testing.T, rows int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	var b strings.Builder
	for i := range rows {
		fmt.Fprintf(&b, "%d,/a,GET,1000,200,\n", 1790000000000+i)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestImport sends two full batches and a rest, of which the hub knows the first
// and refuses a part of the last.
func TestImport(t *testing.T) {
	var mu sync.Mutex
	var instances, sequences []string
	url := hubThat(t, func(b *wire.Batch) string {
		mu.Lock()
		defer mu.Unlock()
		instances, sequences = append(instances, b.Instance), append(sequences, fmt.Sprint(b.Sequence, " ", b.Len()))
		if b.Sequence == 2 {
			return `{"accepted": 7, "dropped": 3, "duplicate": false}`
		}
		return fmt.Sprintf(`{"accepted": %d, "duplicate": %t}`, b.Len(), b.Sequence == 0)
	})
	hub, err := client.New(url, "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSource(rowsFile(t, 2*batchRows+10), "", "orders")
	if err != nil {
		t.Fatal(err)
	}
	type step struct {
		phase       Phase
		rows, bytes int64
	}
	var steps []step
	imp := &Importer{Hub: hub, Retry: retry.Policy{Patience: time.Second}, Progress: func(p Phase, of *Source, rows, bytes int64) {
		if of != s {
			t.Errorf("progress of %s", of.Name())
		}
		steps = append(steps, step{p, rows, bytes})
	}}
	if err := imp.Check(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	done, err := imp.Send(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	done.Took = 0
	if want := (Result{Rows: 2*batchRows + 10, Known: batchRows, Refused: 3}); *done != want {
		t.Errorf("%+v, want %+v", *done, want)
	}
	slices.Sort(sequences)
	if got, want := fmt.Sprint(sequences), "[0 8192 1 8192 2 10]"; got != want || len(slices.Compact(instances)) != 1 {
		t.Errorf("batches %s of %v, want %s", got, instances, want)
	}
	for _, p := range []Phase{Checking, Importing} {
		for _, want := range []step{{p, 0, 0}, {p, 2*batchRows + 10, s.Size()}} {
			if !slices.Contains(steps, want) {
				t.Errorf("no %v in %v", want, steps)
			}
		}
	}
}

func TestNewSource(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rows.JSONL")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, format, want string }{
		{path, "", ""},
		{path, "csv", ""},
		{"-", "csv", ""},
		{"-", "", "-: cannot tell the format from the name; add " + alternatives("--format ")},
		{path, "xml", `--format: "xml" is not a format; it is ` + Formats()},
		{dir, "csv", dir + ": is a directory; name the files in it"},
		{dir, "", dir + ": is a directory; name the files in it"},
		{"", "", "FILE: is empty; name a file, or - for standard input"},
		{path + ".csv", "", path + ".csv: no such file or directory"},
	} {
		_, err := NewSource(test.name, test.format, "")
		if (err == nil) != (test.want == "") || err != nil && err.Error() != test.want {
			t.Errorf("%s, %s: %v, want %s", test.name, test.format, err, test.want)
		}
	}
}

// TestFileThatChanges: a change between the check and the import is detected.
func TestFileThatChanges(t *testing.T) {
	file := rowsFile(t, 3)
	url := hubThat(t, func(b *wire.Batch) string { return fmt.Sprintf(`{"accepted": %d, "duplicate": false}`, b.Len()) })
	s, err := NewSource(file, "", "orders")
	if err != nil {
		t.Fatal(err)
	}
	hub, err := client.New(url, "")
	if err != nil {
		t.Fatal(err)
	}
	imp := &Importer{Hub: hub, Retry: retry.Policy{Patience: time.Second}}
	if err := imp.Check(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	identity := s.instance
	if err := imp.Check(t.Context(), s); err != nil || s.instance != identity {
		t.Errorf("the same file is %s and %s, %v", identity, s.instance, err)
	}
	if err := os.WriteFile(file, []byte("1790000000000,/a,GET,1000,200,\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := imp.Send(t.Context(), s); err == nil || !strings.Contains(err.Error(), "it changed while it was imported") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := imp.Send(t.Context(), s); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("gone before it was sent: %v", err)
	}
	if err := imp.Check(t.Context(), s); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("gone before it was checked: %v", err)
	}
}

// TestFormats: each can be named, is known by its extensions, and is listed in the
// help.
func TestFormats(t *testing.T) {
	if got := Formats(); !strings.HasPrefix(got, formats[0].name) || !strings.HasSuffix(got, " or "+formats[len(formats)-1].name) {
		t.Errorf("formats: %s", got)
	}
	for _, f := range formats {
		if named(f.name).name != f.name || f.about == "" || f.read == nil || len(f.extensions) == 0 {
			t.Errorf("got %+v", f)
		}
		for _, e := range f.extensions {
			if byExtension(e).name != f.name {
				t.Errorf("%s is of two formats", e)
			}
		}
		if !strings.Contains(AboutFormats(), f.about) {
			t.Errorf("%s is not told of", f.name)
		}
	}
}

// The README names the formats that can be imported.
func TestReadmeNamesTheFormats(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.ToUpper(strings.ReplaceAll(Formats(), " or ", " and "))
	want := "`kymo import FILE` reads requests from " + strings.ReplaceAll(names, "AND", "and") + " files;"
	if !strings.Contains(string(readme), want) {
		t.Errorf("README.md does not say %q", want)
	}
}
