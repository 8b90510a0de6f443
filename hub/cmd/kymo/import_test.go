package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/internal/wire"
)

// takingBatches returns the URL of a hub whose route for batches calls answer, with the
// number of requests so far, this one included.
func takingBatches(t *testing.T, answer func(n int64, b *wire.Batch, w http.ResponseWriter)) (url string) {
	t.Helper()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b wire.Batch
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = wire.Decode(body, &b)
		}
		if r.Context().Err() != nil {
			return // the client was interrupted
		}
		if err != nil || r.URL.Path != client.BatchesPath || r.Header.Get("Content-Type") != wire.ContentType {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		answer(n.Add(1), &b, w)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const (
	batchRows       = 8192 // as package fileimport cuts files
	batchesInFlight = 4    // batches on their way at once
)

func rowsFile(t *testing.T, rows int) string {
	path := filepath.Join(t.TempDir(), "rows.csv")
	var b strings.Builder
	for i := range rows {
		fmt.Fprintf(&b, "%d,/a,GET,1000,200,\n", 1790000000000+i)
	}
	write(t, path, b.String())
	return path
}

// TestImportTriesAgain after the time that a busy hub asks for.
func TestImportTriesAgain(t *testing.T) {
	url := takingBatches(t, func(n int64, b *wire.Batch, w http.ResponseWriter) {
		if n <= 2 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[n-1])
			return
		}
		fmt.Fprintf(w, `{"accepted": %d, "duplicate": false}`, b.Len())
	})
	r := runKymo(t, nil, "import", "--hub", url, rowsFile(t, 3))
	r.expect(t, exitOK, "")
	if !strings.Contains(r.stdout.String(), ": 3 rows imported in ") {
		t.Errorf("printed %q", r.stdout.String())
	}
}

// TestImportGoesOn: a hub knows the first of three batches from an earlier import.
func TestImportGoesOn(t *testing.T) {
	url := takingBatches(t, func(_ int64, b *wire.Batch, w http.ResponseWriter) {
		fmt.Fprintf(w, `{"accepted": %d, "duplicate": %t}`, b.Len(), b.Sequence == 0)
	})
	r := runKymo(t, nil, "import", "--hub", url, rowsFile(t, 2*batchRows+10))
	r.expect(t, exitOK, "")
	for _, want := range []string{": 8,202 rows imported in ", "; 8,192 rows were already there\n"} {
		if !strings.Contains(r.stdout.String(), want) {
			t.Errorf("printed %q, want %q", r.stdout.String(), want)
		}
	}
}

func TestImportGivesUp(t *testing.T) {
	file := rowsFile(t, 3)
	refusing := func(status int, body string) string {
		return takingBatches(t, func(_ int64, _ *wire.Batch, w http.ResponseWriter) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
	}
	runKymo(t, nil, "import", "--hub", refusing(422, `{"detail": "no"}`), file).
		expect(t, exitFailed, "kymo: the hub answered: no; the hub has confirmed nothing of "+file+"; run the same command again, which counts nothing twice")
	runKymo(t, nil, "import", "--hub", refusing(202, `<html>`), file).
		expect(t, exitFailed, "is not a Kymo hub; the hub has confirmed nothing of ")
	runKymo(t, nil, "import", "--timeout", "1ns", "--hub", refusing(503, `{}`), file).
		expect(t, exitFailed, "the hub answered: 503 Service Unavailable; the hub has confirmed nothing of ")
	runKymo(t, strings.NewReader("1790000000000,/a,GET,1000,200,\n"), "import", "--format", "csv", "--hub", refusing(403, ``), "-").
		expect(t, exitFailed, "the hub answered: 403 Forbidden; give it with --token or KYMO_TOKEN; the hub has confirmed nothing of standard input")
}

// TestImportIsInterrupted while it reads, while it sends and while it waits.
func TestImportIsInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupt(nil)
	imported := func(ctx context.Context, url, file string) string {
		var stderr strings.Builder
		if status := run(ctx, []string{"import", "--hub", url, file}, nil, io.Discard, &stderr, nil); status != exitFailed {
			t.Errorf("status %d", status)
		}
		return stderr.String()
	}
	file := rowsFile(t, 20*batchRows)
	if got, want := imported(ctx, "http://127.0.0.1:1", file), "kymo: interrupted; nothing was imported\n"; got != want {
		t.Errorf("while reading: %q", got)
	}
	for _, test := range []struct {
		name, confirmed string
		answer          func(w http.ResponseWriter)
	}{
		{"sending", `(nothing|[\d,]+ rows)`, func(w http.ResponseWriter) { io.WriteString(w, `{"accepted": 8192, "duplicate": false}`) }},
		{"waiting", "nothing", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(http.StatusServiceUnavailable)
		}},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		url := takingBatches(t, func(n int64, _ *wire.Batch, w http.ResponseWriter) {
			test.answer(w)
			if n == batchesInFlight {
				// The others have their answer, or will not get it.
				w.(http.Flusher).Flush()
				interrupt()
			}
		})
		want := regexp.MustCompile("^kymo: interrupted; the hub has confirmed " + test.confirmed + " of " + regexp.QuoteMeta(file) + "; ")
		if got := imported(ctx, url, file); !want.MatchString(got) {
			t.Errorf("while %s: got %q, want %s", test.name, got, want)
		}
		interrupt()
	}
}

// broken is a stream that fails.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the pipe burst") }

func TestInputThatBreaksOff(t *testing.T) {
	runKymo(t, broken{}, "import", "--format", "csv", "--hub", "http://127.0.0.1:1", "-").
		expect(t, exitFailed, "kymo: standard input: read line 1: the pipe burst; nothing was imported\n")
}
