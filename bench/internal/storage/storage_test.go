package storage

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kymohq/kymo/bench/internal/dataset"
	"github.com/kymohq/kymo/internal/wire"
)

func TestEncodeDealsBatchesToInstancesInOrder(t *testing.T) {
	c := live(250)
	bodies, err := encode(c, 100, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		instance string
		sequence uint64
		n        int
	}{{"bench-0", 1, 100}, {"bench-1", 1, 100}, {"bench-0", 2, 50}}
	if len(bodies) != len(want) {
		t.Fatalf("%d bodies, want %d", len(bodies), len(want))
	}
	var b wire.Batch
	for i, w := range want {
		if err := wire.Decode(bodies[i], &b); err != nil {
			t.Fatal(err)
		}
		if b.Instance != w.instance || b.Sequence != w.sequence || b.Len() != w.n {
			t.Errorf("batch %d is %s %d with %d requests, want %v", i, b.Instance, b.Sequence, b.Len(), w)
		}
	}
}

func TestRestampMovesOnlyTheStarts(t *testing.T) {
	bodies, err := encode(live(100), 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	var before, after wire.Batch
	if err := wire.Decode(bodies[0], &before); err != nil {
		t.Fatal(err)
	}
	if err := restamp(bodies, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := wire.Decode(bodies[0], &after); err != nil {
		t.Fatal(err)
	}
	for i := range after.Len() {
		want := before.Request(i)
		want.Start += 5000
		if got := after.Request(i); got != want {
			t.Fatalf("request %d is %v, want %v", i, got, want)
		}
	}
}

func TestLiveBatchesLieWithinASecond(t *testing.T) {
	c := live(10_000_000)
	if perBatch := c.Span / time.Duration(c.N/batchSize); perBatch > time.Second {
		t.Errorf("a batch lasts %v", perBatch)
	}
}

// A server that is not installed, and a hub that does not start, are errors that leave
// nothing behind.
func TestAbsent(t *testing.T) {
	t.Setenv("PATH", "")
	t.Setenv("TMPDIR", t.TempDir())
	defer func(before string) { debianPrograms = before }(debianPrograms)
	debianPrograms = ""
	for _, on := range []place{inPostgres, inClickHouse} {
		if _, err := newHub(t.Context(), "/no/program", 1, on); !errors.Is(err, errAbsent) {
			t.Errorf("%s: error %v, want %v", on.name, err, errAbsent)
		}
	}
	if _, err := newPostgres(t.Context(), 1); !errors.Is(err, errAbsent) {
		t.Errorf("PostgreSQL: error %v, want %v", err, errAbsent)
	}
	if _, err := newHub(t.Context(), "/no/program", 1, inDirectory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v of a program that does not exist", err)
	}
	if left, err := os.ReadDir(os.TempDir()); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestCompare(t *testing.T) {
	series := dataset.Series{Endpoint: "/a", Method: "GET"}
	exact := dataset.Exact{series: {1e6, 2e6, 3e6, 4e6}}
	d, err := compare([]row{{series, 4, 2.02, 4, 4.4}}, exact)
	if err != nil || d.p50 < 0.0099 || d.p50 > 0.0101 || d.p95 != 0 || d.p99 < 0.099 || d.p99 > 0.101 {
		t.Errorf("got %+v, %v", d, err)
	}
	if _, err := compare([]row{{series, 3, 2, 4, 4}}, exact); err == nil {
		t.Error("a wrong count is not an error")
	}
	if _, err := compare(nil, exact); err == nil {
		t.Error("a missing line is not an error")
	}
}

func TestEndpointRows(t *testing.T) {
	const body = `[{"endpoint":"/a","method":"GET","total_requests":4,"p50_response_time":1.5,"p95_response_time":2,"p99_response_time":3}]`
	rows, err := endpointRows([]byte(body))
	if err != nil || len(rows) != 1 || rows[0] != (row{dataset.Series{Endpoint: "/a", Method: "GET"}, 4, 1.5, 2, 3}) {
		t.Errorf("got %v, %v", rows, err)
	}
	if _, err := endpointRows([]byte("no")); err == nil {
		t.Error("no error for what is not JSON")
	}
}

func TestPeakOf(t *testing.T) {
	if got, err := peakOf("VmPeak:\t  900 kB\nVmHWM:\t  12 kB\n"); err != nil || got != 12<<10 {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := peakOf("VmPeak:\t  900 kB\n"); err == nil {
		t.Error("no error where the peak is missing")
	}
}

func TestUsedOf(t *testing.T) {
	if got, err := usedOf("7 (a b) S 1 1 1 0 -1 4194560 1 0 0 0 150 25 0 0 20"); err != nil || got != 1750*time.Millisecond {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := usedOf("7 (a) S 1"); err == nil {
		t.Error("no error where the times are missing")
	}
}

func TestDirectorySize(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", filepath.Join("sub", "b")} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := directorySize(dir); err != nil || got != 2000 {
		t.Errorf("got %d, %v", got, err)
	}
	of := func() int64 {
		size, err := directory(dir).size(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return size
	}
	if got := of(); got != 2000 {
		t.Errorf("got %d without a reserve", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "BALLAST"), make([]byte, 500), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := of(); got != 2000 {
		t.Errorf("got %d with a reserve", got)
	}
}
