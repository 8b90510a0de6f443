package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/retry"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/hub/internal/storecopy"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// TestCopyBetweenServers goes from a directory to PostgreSQL and on to ClickHouse,
// and prints no password.
func TestCopyBetweenServers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := pebblestore.Open(dir, pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Append(t.Context(), someRequests(3))
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	url := serverstest.Postgres(t).URL("postgres", serverstest.PostgresPassword, "postgres")
	const password = "ge/h@eim"
	other := serverstest.ClickHouse(t, password).URL("default", password, "kymo")
	for _, step := range []struct{ from, to, want string }{
		{dir, url, ": 3 requests, "}, {dir, url, "all of which were already there"},
		{url, other, ": 3 requests, "}, {url, other, "all of which were already there"},
	} {
		r := runKymo(t, nil, "copy", step.from, step.to)
		r.expect(t, exitOK, "")
		expectLines(t, r.stdout.String(), step.want, "1 hour checked: both hold the same")
		for _, secret := range []string{serverstest.PostgresPassword, password, "ge%2Fh"} {
			if text := r.stdout.String() + r.stderr.String(); strings.Contains(text, secret) {
				t.Errorf("a password in %s", text)
			}
		}
	}
	runKymo(t, nil, "copy", url, strings.Replace(url, "127.0.0.1", "localhost", 1)).
		expect(t, exitFailed, "kymo: FROM and TO are the same store; name another for TO\n")
}

// someRequests returns a batch of n requests.
func someRequests(n int64) *wire.Batch {
	b := wire.NewBuilder()
	for i := range n {
		b.Add(&wire.Request{Key: wire.Key{Service: "orders", Endpoint: "/a", Method: "GET", Status: 200}, Start: storetest.Noon + i, Duration: 5e6})
	}
	return b.Batch("a", 1)
}

// expectLines fails the test unless each of the printed lines matches in part.
func expectLines(t *testing.T, got string, want ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("printed %q, want %q", got, want)
	}
	for i, line := range lines {
		if !strings.Contains(line, want[i]) {
			t.Errorf("printed %q, want %q", line, want[i])
		}
	}
}

// TestCopyThatDiffers: a difference is bad news, and the bars are taken off the screen.
func TestCopyThatDiffers(t *testing.T) {
	from := storetest.NewOracle()
	if _, err := from.Append(t.Context(), someRequests(3)); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	c := &storecopy.Copier{
		From: storecopy.Place{Store: from, Name: "old"}, To: storecopy.Place{Store: forgetful{storetest.NewOracle()}, Name: "new"},
		Source: "/old", Retry: retry.Policy{Patience: time.Second},
	}
	err := copyAndCheck(&environment{ctx: t.Context(), stdout: &out, stderr: &errs}, c, term.Screen{Terminal: true, Width: 100})
	if !errors.As(err, new(badNewsError)) || !strings.HasPrefix(err.Error(), "1 of 1 hour differs, first that from ") {
		t.Error(err)
	}
	expectLines(t, out.String(), "old -> new: 3 requests, ")
	for _, want := range []string{"\rcopying  ", "100 %  3 rows", "\rchecking  "} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in %q", want, errs.String())
		}
	}
}

// forgetful is a store that keeps nothing.
type forgetful struct{ store.Store }

func (forgetful) Append(_ context.Context, batches ...*wire.Batch) ([]bool, error) {
	fresh := make([]bool, len(batches))
	for i := range fresh {
		fresh[i] = true
	}
	return fresh, nil
}

// TestCopyInterrupted: the error of a copy that was interrupted tells what to do.
func TestCopyInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	from := storetest.NewOracle()
	if _, err := from.Append(t.Context(), someRequests(3)); err != nil {
		t.Fatal(err)
	}
	c := &storecopy.Copier{From: storecopy.Place{Store: from}, To: storecopy.Place{Store: storetest.NewOracle()}}
	err := copyAndCheck(&environment{ctx: ctx, stderr: io.Discard}, c, term.Screen{})
	if want := "interrupted; run the same command again, which counts nothing twice"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
