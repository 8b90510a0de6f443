package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a file system of so many bytes for the test, of which a
// ballast takes a part. It needs root.
func smallDisk(t *testing.T, size, ballast int) (dir, ballastFile string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatalf("mounting a small file system, for which this test must run as root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting the small file system: %v", err)
		}
	})
	ballastFile = filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballastFile, make([]byte, ballast), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, ballastFile
}

// filler sends batches in order, each again until it is acknowledged.
type filler struct {
	h       *hub
	o       *oracle
	r       *rand.Rand
	n       uint64
	waiting *parcel       // was refused
	oldest  time.Duration // of the requests; 0 is as old as they are made
}

// send makes one attempt and returns the hub's answer.
func (f *filler) send(t *testing.T) answer {
	t.Helper()
	if f.waiting == nil {
		now := time.Now()
		events := makeEvents(f.r, "orders", 4000, now)
		for i := range events {
			if from := now.Add(-f.oldest).UnixMilli(); f.oldest > 0 && events[i].start < from {
				events[i].start = from + f.r.Int64N(f.oldest.Milliseconds())
			}
		}
		f.waiting = &parcel{batchesPath, asBatch, encodeBatch(events, "filler", f.n), events}
		f.n++
	}
	a, err := f.h.post(f.waiting.path, bytes.NewReader(f.waiting.body), f.waiting.header...)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := a.receipt(); err == nil {
		if r.Accepted != len(f.waiting.events) || r.Dropped != 0 {
			t.Errorf("of %d requests: %+v", len(f.waiting.events), r)
		}
		f.o.add(f.waiting.events...)
		f.waiting = nil
	}
	return a
}

// fill sends until the hub says that there is no room.
func (f *filler) fill(t *testing.T) {
	t.Helper()
	for range 5000 {
		if a := f.send(t); a.status != http.StatusAccepted {
			checkFull(t, a)
			return
		}
	}
	t.Fatal("the disk does not become full")
}

// checkFull checks the answer of a hub whose disk is full.
func checkFull(t *testing.T, a answer) {
	t.Helper()
	if p, err := a.problem(); err != nil || a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Fatalf("the hub answered %d %+v, %v to a batch that there is no room for", a.status, p, err)
	}
}

// A hub whose disk is full says so, keeps what it acknowledged, and goes on once
// there is room, whatever happens to it in between.
func TestDiskFull(t *testing.T) {
	for _, test := range []struct {
		name  string
		while func(*hub) // between the full disk and the room
		after func(*hub) // once there is room
	}{
		{"it stays", func(*hub) {}, func(*hub) {}},
		{"it is stopped and started", (*hub).stopFull, (*hub).start},
		{"it is killed, tries to start, and is started", func(h *hub) { h.kill(); h.tryFull() }, (*hub).start},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(test.name, "killed") {
				onlyLong(t)
			}
			dir, ballast := smallDisk(t, 32<<20, 16<<20)
			h := startHub(t, filepath.Join(dir, "data"))
			f := &filler{h: h, o: new(oracle), r: random(t)}
			f.fill(t)
			if n := len(f.o.events); n < 100_000 {
				t.Errorf("the disk is full after %d requests", n)
			}
			f.checkKept(t, "when it is full")
			for range 20 { // there may be room once the database has been opened again
				if a := f.send(t); a.status != http.StatusAccepted {
					checkFull(t, a)
				}
			}
			f.checkKept(t, "while it is full")

			test.while(h)
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			test.after(h)
			eventually(t, time.Minute, "the hub takes what it refused", func() bool {
				return f.send(t).status == http.StatusAccepted
			})
			f.goesOn(t, 30, 168)
		})
	}
}

// A hub that was killed on a full disk and starts with a shorter retention forgets what is
// too old, and goes on.
func TestDiskFullThenShorterRetention(t *testing.T) {
	onlyLong(t)
	dir, _ := smallDisk(t, 40<<20, 0)
	h := startHub(t, filepath.Join(dir, "data"))
	f := &filler{h: h, o: new(oracle), r: random(t)}
	f.fill(t)
	f.checkKept(t, "when it is full")
	h.kill()
	h.flags = append(h.flags, "--retention-age", "36h")
	h.start()
	f.o.check(t, h, 30, nil)
	f.waiting, f.oldest = nil, 35*time.Hour // older ones are dropped from here on
	// What is deleted gives back its room bit by bit.
	taken := 0
	eventually(t, 2*time.Minute, "the hub takes ten batches in a row", func() bool {
		if taken++; f.send(t).status != http.StatusAccepted {
			taken = 0
		}
		return taken >= 10
	})
	f.goesOn(t, 0, 36)
}

// goesOn checks that the hub takes so many batches, and has all that was acknowledged of
// so many hours, again after each kind of restart.
func (f *filler) goesOn(t *testing.T, batches, hours int) {
	t.Helper()
	for range batches {
		if a := f.send(t); a.status != http.StatusAccepted {
			t.Fatalf("with room again, the hub answered %d: %s", a.status, a.body)
		}
	}
	check := func() {
		f.o.check(t, f.h, hours, nil)
		f.o.checkRows(t, f.h, hours)
	}
	check()
	for _, restart := range restarts {
		restart.end(f.h)
		f.h.start()
		check()
	}
}

// checkKept checks that all is there that was acknowledged. What was not may be.
func (f *filler) checkKept(t *testing.T, when string) {
	t.Helper()
	got, kept := f.h.report(168, nil).TotalRequests, len(f.o.events)
	if got != kept && got != kept+len(f.waiting.events) {
		t.Errorf("%s: the hub has %d requests and acknowledged %d", when, got, kept)
	}
}

// stopFull ends the hub by SIGTERM while its disk is full. It may have the results of
// its checks left, of which its status and its log tell.
func (h *hub) stopFull() {
	h.t.Helper()
	h.signal(syscall.SIGTERM)
	<-h.ended
	// Results of checks may be lost. What the database lacks is in the journal, so that is no
	// error.
	left := regexp.MustCompile(`(?m)^kymo: (?:1 result of checks was|[\d,]+ results of checks were) not stored: .*no room left`)
	if code := h.command.ProcessState.ExitCode(); code != 0 && (code != 2 || !left.MatchString(h.log())) {
		h.t.Errorf("the hub, asked to stop on a full disk, ended with status %d", code)
	}
}

// tryFull starts the hub on a full disk, and ends it. It may start, or report why it
// does not.
func (h *hub) tryFull() {
	h.t.Helper()
	h.launch()
	ready := false
	eventually(h.t, time.Minute, "the hub is ready, or ended", func() bool {
		select {
		case <-h.ended:
			return true
		default:
		}
		_, err := os.Stat(h.readyFile())
		ready = err == nil
		return ready
	})
	if ready {
		h.kill()
		return
	}
	if code := h.command.ProcessState.ExitCode(); code != 2 || !strings.Contains(h.log(), "kymo: store: ") {
		h.t.Errorf("the hub, started on a full disk, ended with status %d", code)
	}
}
