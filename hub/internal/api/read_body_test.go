package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/racetest"
	"github.com/kymohq/kymo/internal/wire"
)

// discard is a store that accepts everything.
type discard struct{ store.Store }

func (discard) Append(_ context.Context, batches ...*wire.Batch) ([]bool, error) {
	fresh := make([]bool, len(batches))
	for i := range fresh {
		fresh[i] = true
	}
	return fresh, nil
}

// spaces is a body of n spaces that counts how many were asked for.
type spaces struct{ left, read int64 }

func (s *spaces) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.left))
	for i := range p[:n] {
		p[i] = ' '
	}
	s.left -= int64(n)
	s.read += int64(n)
	return n, nil
}

func (*spaces) Close() error { return nil }

func TestHugeBodies(t *testing.T) {
	a := newAPI(discard{}, nil)
	const huge = 300 << 20
	for name, length := range map[string]int64{"announced": huge, "chunked": -1, "a lie": 100} {
		for _, path := range []string{"requests", "batches"} {
			body := &spaces{left: huge}
			r := request("POST /api/v1/"+path, body)
			if path == "batches" {
				r.Header.Set("Content-Type", wire.ContentType)
			}
			r.ContentLength = length
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			wrongAt(t, problem(t, w, http.StatusRequestEntityTooLarge), "body", "bytes")
			if limit := int64(maxWire + 64<<10); body.read > limit || length == huge && body.read > 0 {
				t.Errorf("%s, %s: %d bytes were read", name, path, body.read)
			}
		}
	}
}

// A real client sees the answer, and the server does not read on.
func TestHugeBodyOverTCP(t *testing.T) {
	server := httptest.NewServer(newAPI(discard{}, nil))
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", 300<<20)
	answer, err := io.ReadAll(c) // to the end: the server closes the connection
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") {
		t.Errorf("%v: %s", err, answer)
	}
}

func TestBodiesThatUnfold(t *testing.T) {
	racetest.LeaveToLong(t)
	zeros := make([]byte, 64<<20)
	element := []byte(strings.Repeat(metric+"\n", 12_500)) // 1 MiB, which any body may unfold to
	window := zstandard(t, zeros, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	for name, c := range map[string]struct {
		coding string
		body   []byte
		status int
		says   string
	}{
		"gzip bomb":       {"gzip", gzipped(t, zeros), 413, "100 times"},
		"zstd bomb":       {"zstd", zstandard(t, zeros), 413, ""},
		"zstd in blocks":  {"zstd", bytes.Repeat(zstandard(t, zeros[:1<<20]), 60), 413, "100 times"},
		"zstd window":     {"zstd", window, 413, ""},
		"within the free": {"gzip", gzipped(t, element), 202, ""},
		"too large":       {"gzip", gzipped(t, noise(40<<20)), 413, ""},
		"many members":    {"gzip", bytes.Repeat(gzipped(t, noise(1<<16)), 600), 413, "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(discard{}, nil)
			before := allocated()
			w := ask(a, "POST /api/v1/requests", string(c.body), "Content-Encoding", c.coding)
			if c.status == http.StatusAccepted {
				if w.Code != c.status {
					t.Errorf("got %d %s", w.Code, w.Body)
				}
				return
			}
			wrongAt(t, problem(t, w, c.status), "body", c.says)
			if used := allocated() - before; used > 150<<20 {
				t.Errorf("%d bytes were allocated", used)
			}
		})
	}
}

// noise is random digits, which compress to less than half: 64 KiB of them, repeated,
// which gzip does not notice at this distance.
func noise(n int) []byte {
	b := make([]byte, min(n, 1<<16))
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = "0123456789"[x>>24%10]
	}
	return bytes.Repeat(b, n/len(b)+1)[:n]
}

func allocated() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.TotalAlloc)
}

func TestABatchUnfoldsToItsOwnLimit(t *testing.T) {
	a := newAPI(discard{}, nil)
	w := ask(a, "POST /api/v1/batches", string(gzipped(t, noise(wire.MaxBytes+1))), "Content-Type", wire.ContentType, "Content-Encoding", "gzip")
	wrongAt(t, problem(t, w, http.StatusRequestEntityTooLarge), "body", fmt.Sprint(wire.MaxBytes))
}

// waiting is a POST whose body the test writes.
type waiting struct {
	feed *io.PipeWriter
	done chan *httptest.ResponseRecorder
}

func waitingPost(a *API, length int64, coding string) *waiting {
	body, feed := io.Pipe()
	r := request("POST /api/v1/requests", body, "Content-Encoding", coding)
	r.ContentLength = length
	p := &waiting{feed, make(chan *httptest.ResponseRecorder, 1)}
	go func() {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		p.done <- w
	}()
	return p
}

// A body takes quota for the bytes that arrived, whatever length it announces.
func TestTooManyBodiesAtOnce(t *testing.T) {
	const all = 16 * minQuota
	for _, c := range []struct{ coding, head string }{{"", " "}, {"gzip", "\x1f\x8b"}, {"zstd", "\x28\xb5"}} {
		a := newAPI(storetest.NewOracle(), func(c *Config) { c.Memory = all })
		var silent []*waiting
		for range 8 {
			p := waitingPost(a, maxWire, c.coding)
			if _, err := p.feed.Write([]byte(c.head)); err != nil { // It is being read now.
				t.Fatal(err)
			}
			silent = append(silent, p)
		}
		if w := ask(a, "POST /api/v1/requests", metric); w.Code != http.StatusAccepted {
			t.Errorf("%q: beside bodies that do not come: %d %s", c.coding, w.Code, w.Body)
		}
		for _, p := range silent {
			p.feed.CloseWithError(errors.New("gone"))
			problem(t, <-p.done, http.StatusRequestTimeout)
		}
		if free := a.memory.free.Load(); free != all {
			t.Errorf("%q: %d of the quota was not given back", c.coding, all-free)
		}
	}

	const memory = 3*minQuota + 96<<10 // The first body takes three, and there is room for a second that is small.
	a := newAPI(storetest.NewOracle(), func(c *Config) { c.Memory = memory })
	slow := waitingPost(a, -1, "")
	lines := strings.Repeat(metric+"\n", 1000)[:minQuota]
	for _, part := range []string{lines, " "} { // The second is read when there is room for it.
		if _, err := slow.feed.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	w := ask(a, "POST /api/v1/requests", lines+lines)
	wrongAt(t, problem(t, w, http.StatusServiceUnavailable), "body", "try again")
	if w := ask(a, "POST /api/v1/requests", metric); w.Code != http.StatusAccepted {
		t.Errorf("a small one: %d %s", w.Code, w.Body)
	}
	w = ask(a, "POST /api/v1/requests", string(zstandard(t, []byte(metric))), "Content-Encoding", "zstd")
	wrongAt(t, problem(t, w, http.StatusServiceUnavailable), "body", "try again")
	slow.feed.Close()
	problem(t, <-slow.done, http.StatusUnprocessableEntity) // It ends in the middle of a line.
	if free := a.memory.free.Load(); free != memory {
		t.Errorf("%d of the quota was not given back", memory-free)
	}
}

// A zstd stream takes quota for its window, which later frames must not exceed.
func TestZstdWindows(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	small := zstandard(t, []byte(metric+"\n"))
	random := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random) // It never fails.
	large := zstandard(t, random, zstd.WithWindowSize(4<<20), zstd.WithSingleSegment(false))
	for name, c := range map[string]struct {
		body   []byte
		window int64
		status int
	}{
		"small":             {small, minZstdWindow, http.StatusAccepted},
		"large":             {large, 4 << 20, http.StatusUnprocessableEntity},
		"small after large": {append(bytes.Clone(large), small...), 4 << 20, http.StatusUnprocessableEntity},
		"skippable first":   {append([]byte("\x50\x2a\x4d\x18\x01\x00\x00\x00x"), small...), maxZstdWindow, http.StatusAccepted},
		"none":              {nil, maxZstdWindow, http.StatusUnprocessableEntity},
		"damaged":           {[]byte("not zstd"), maxZstdWindow, http.StatusUnprocessableEntity},
	} {
		window, _, err := zstdWindow(bytes.NewReader(c.body))
		if window != c.window || err != nil {
			t.Errorf("%s: a window of %d, %v", name, window, err)
		}
		if w := ask(a, "POST /api/v1/requests", string(c.body), "Content-Encoding", "zstd"); w.Code != c.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	huge := append(bytes.Clone(small), large...)
	wrongAt(t, problem(t, ask(a, "POST /api/v1/requests", string(huge), "Content-Encoding", "zstd"), http.StatusRequestEntityTooLarge), "body", "memory")
}

func TestBodiesThatDoNotArrive(t *testing.T) {
	a := newAPI(discard{}, nil)
	gone := errors.New("connection reset")
	for _, coding := range []string{"", "gzip", "zstd"} {
		head := []byte(metric)
		switch coding {
		case "gzip":
			head = gzipped(t, noise(1<<16))[:1<<14]
		case "zstd":
			head = zstandard(t, noise(1<<16))[:1<<14]
		}
		body := io.MultiReader(bytes.NewReader(head), iotest.ErrReader(gone))
		w := httptest.NewRecorder()
		a.ServeHTTP(w, request("POST /api/v1/requests", body, "Content-Encoding", coding))
		wrongAt(t, problem(t, w, http.StatusRequestTimeout), "body", "did not arrive")
	}
}
