package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every percentile is within the error bound of the exact one, and every count,
// mean, maximum and rate is exact: whichever way the requests came in, over any
// services and hours, and whatever happened to the hub since.
func TestExactNumbers(t *testing.T) {
	r := random(t)
	h := startHub(t, t.TempDir())
	o := new(oracle)
	now := time.Now()
	const each = 10_000
	ways := []struct {
		name string
		send func(t *testing.T, h *hub, events []event)
	}{
		{"wire", sendBatches}, {"array", sendArrays}, {"lines", sendLines}, {"csv", importCSV}, {"ndjson", importLines},
	}
	for _, way := range ways {
		for _, service := range []string{way.name + "-a", way.name + "-b"} {
			events := makeEvents(r, service, each, now)
			way.send(t, h, events)
			o.add(events...)
		}
	}
	check := func(t *testing.T) {
		for _, hours := range []int{1, 6, 24, 168} {
			o.checkAll(t, h, hours)
		}
		if got, want := h.report(168, nil).TotalRequests, len(ways)*2*each; got != want {
			t.Errorf("168 h have %d requests, want %d", got, want)
		}
	}
	t.Run("fresh", check)
	for _, restart := range restarts {
		restart.end(h)
		h.start()
		t.Run("after it was "+restart.name, check)
	}
}

func sendBatches(t *testing.T, h *hub, events []event) {
	for i := 0; len(events) > 0; i++ {
		n := min(len(events), 1+i*700%3000) // batches of many sizes
		body := encodeBatch(events[:n], events[0].service, uint64(i))
		h.mustPost(batchesPath, body, n, asBatch...)
		events = events[n:]
	}
}

func sendArrays(t *testing.T, h *hub, events []event) {
	for len(events) > 0 {
		n := min(len(events), 2300)
		h.mustPost(requestsPath, encodeArray(events[:n]), n, asJSON...)
		events = events[n:]
	}
}

func sendLines(t *testing.T, h *hub, events []event) {
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	if _, err := w.Write(encodeLines(events)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	h.mustPost(requestsPath, body.Bytes(), len(events), append(asLines, "Content-Encoding", "gzip")...)
}

func importCSV(t *testing.T, h *hub, events []event) {
	importFile(t, h, "requests.csv", encodeCSV(events), len(events), "--service", events[0].service)
}

func importLines(t *testing.T, h *hub, events []event) {
	importFile(t, h, "requests.ndjson", encodeLines(events), len(events))
}

// importFile imports a file of so many rows twice; the second import adds nothing.
func importFile(t *testing.T, h *hub, name string, content []byte, rows int, args ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"import", "--hub", h.url, path}, args...)
	for _, want := range []string{
		fmt.Sprintf("%s: %d,%03d rows imported in ", path, rows/1000, rows%1000),
		fmt.Sprintf("%s: %d,%03d rows, all of which were already there", path, rows/1000, rows%1000),
	} {
		if out, err := kymo(t, args...).CombinedOutput(); err != nil || !strings.HasPrefix(string(out), want) {
			t.Fatalf("kymo import: %v\n%s\nwant %s", err, out, want)
		}
	}
}
