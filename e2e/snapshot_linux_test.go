package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// poster posts arrays with a key each, and remembers those that the hub acknowledged. The
// hub may refuse none.
type poster struct {
	t    *testing.T
	h    *hub
	mu   sync.Mutex
	kept []parcel
}

// run posts until stop is closed.
func (p *poster) run(newParcel func(int) parcel, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		one := newParcel(n)
		a, err := p.h.post(one.path, bytes.NewReader(one.body), one.header...)
		if r, wrong := a.receipt(); err != nil || wrong != nil || a.status != http.StatusAccepted || r.Accepted != len(one.events) {
			p.t.Errorf("a post got %d %s, %v", a.status, a.body, err)
			return
		}
		p.mu.Lock()
		p.kept = append(p.kept, one)
		p.mu.Unlock()
	}
}

func (p *poster) acknowledged() []parcel {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.kept)
}

func size(parcels []parcel) (n int) {
	for _, p := range parcels {
		n += len(p.events)
	}
	return n
}

// A snapshot that is made while four clients post has each of their bodies that was
// acknowledged before, and any other wholly or not at all. None is refused meanwhile.
func TestSnapshot(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o022))
	r := random(t)
	dir := t.TempDir()
	h := startHub(t, filepath.Join(dir, "data"))
	p := &poster{t: t, h: h}
	rounds := 4
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		var clients sync.WaitGroup
		stop := make(chan struct{})
		for i := range 4 {
			newParcel := arrayMaker(split(r), fmt.Sprintf("service-%d", i), fmt.Sprintf("client-%d-%d", round, i), 200)
			clients.Go(func() { p.run(newParcel, stop) })
		}
		target := len(p.acknowledged()) + 20 + r.IntN(150)
		eventually(t, time.Minute, "clients post", func() bool { return len(p.acknowledged()) >= target || t.Failed() })
		before := p.acknowledged()
		target = len(before)
		copied := filepath.Join(dir, fmt.Sprint("copy-", round))
		if status, out := snapshot(t, h.url, copied); status != 0 || !regexp.MustCompile(` in \d+ files copied in .*; to start a hub on it: kymo serve --store `+copied+`\n$`).MatchString(out) {
			t.Fatalf("kymo snapshot ended with %d:\n%s", status, out)
		}
		eventually(t, time.Minute, "clients go on", func() bool { return len(p.acknowledged()) > target || t.Failed() })
		close(stop)
		clients.Wait()
		private(t, h.store)
		private(t, copied)
		checkSnapshot(t, copied, before, p.acknowledged())
		if round%2 == 1 { // the next has more in the database, and less in the journal
			h.stop()
			h.start()
		}
		if left, err := filepath.Glob(filepath.Join(h.store, "snapshot-*")); err != nil || len(left) > 0 {
			t.Errorf("left: %q, %v", left, err)
		}
	}
	if got, want := h.report(168, nil).TotalRequests, size(p.acknowledged()); got != want {
		t.Errorf("the hub has %d requests, want %d", got, want)
	}

	// What is there stays.
	other := filepath.Join(dir, "other")
	if err := errors.Join(os.Mkdir(other, 0o700), os.WriteFile(filepath.Join(other, "mine"), []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
	was := contents(t, dir)
	refused(t, h.url, filepath.Join(dir, "copy-0"), `^kymo: .*copy-0 is not empty, and stays as it is; name a directory that does not exist\n$`)
	refused(t, h.url, other, `^kymo: .*other is not empty, and stays as it is; name a directory that does not exist\n$`)
	refused(t, h.url, "/proc/copy", `^kymo: nothing can be written in /proc \(.*\); name another directory\n$`)
	h.stop()
	was = below(was, "copy-0", "other")
	refused(t, h.url, filepath.Join(dir, "new"), `^kymo: no hub answers at .* \(connection refused\); start one with kymo serve, .*; of a hub that is stopped, copy the directory itself\n$`)
	if is := below(contents(t, dir), "copy-0", "other", "new", "."); !maps.Equal(is, was) {
		t.Errorf("there was %d files, and is %d: %q", len(was), len(is), slices.Sorted(maps.Keys(is)))
	}
}

// checkSnapshot starts a hub on a copy, and compares it with what was acknowledged before
// it was made, and in all.
func checkSnapshot(t *testing.T, dir string, before, all []parcel) {
	t.Helper()
	h := startHub(t, dir)
	total := func() int { return h.report(168, nil).TotalRequests }
	had := total()
	again := func(p parcel) (duplicate bool) {
		a, err := h.post(p.path, bytes.NewReader(p.body), p.header...)
		r, wrong := a.receipt()
		if err != nil || wrong != nil {
			t.Fatalf("the copy answered %d %s, %v", a.status, a.body, errors.Join(err, wrong))
		}
		return r.Duplicate
	}
	for _, p := range before[len(before)-10:] {
		if !again(p) {
			t.Error("a body was acknowledged before the snapshot, and is not in it")
		}
	}
	if n := total(); n != had {
		t.Errorf("the copy has %d requests, and %d once bodies were sent again", had, n)
	}
	inIt := 0
	for i, p := range all {
		switch duplicate := again(p); {
		case duplicate:
			inIt += len(p.events)
		case i < len(before):
			t.Errorf("body %d of %d was acknowledged before the snapshot, and is not in it", i, len(before))
		}
	}
	if had != inIt || had < size(before) {
		t.Errorf("the copy had %d requests; the bodies that it knew have %d, those before it %d", had, inIt, size(before))
	}
	if n := total(); n != size(all) {
		t.Errorf("the copy has %d requests once all bodies were sent again, want %d", n, size(all))
	}
	h.stop()
}

// private fails the test if others than the owner may use what is in a directory.
func private(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the hub is at work
		}
		if err != nil {
			return err
		}
		if info, err := entry.Info(); err == nil && info.Mode().Perm()&0o027 != 0 {
			t.Errorf("%s has the mode %o", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// contents returns what each file below a directory holds, by its path from there.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		found[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// below returns the files of some of the directories. A file that is in a hidden
// directory is in ".".
func below(files map[string]string, dirs ...string) map[string]string {
	found := make(map[string]string)
	for name, content := range files {
		first, _, _ := strings.Cut(name, string(filepath.Separator))
		if strings.HasPrefix(first, ".") {
			first = "."
		}
		if slices.Contains(dirs, first) {
			found[name] = content
		}
	}
	return found
}

// heavy sends a hub more than the buffers of a connection hold.
func heavy(t *testing.T, h *hub, r *rand.Rand) *filler {
	t.Helper()
	f := &filler{h: h, o: new(oracle), r: r}
	for range 30 {
		if a := f.send(t); a.status != http.StatusAccepted {
			t.Fatalf("the hub answered %d: %s", a.status, a.body)
		}
	}
	return f
}

// wantOnly fails the test unless a directory has just these entries.
func wantOnly(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("%s has %q, want %q", dir, names, want)
	}
}

// A hub that is killed in the middle of a snapshot leaves nothing behind once it was
// started again, and the command leaves nothing at all.
func TestSnapshotOfAKilledHub(t *testing.T) {
	h := startHub(t, filepath.Join(t.TempDir(), "data"))
	f := heavy(t, h, random(t))
	dir := t.TempDir()
	g := newGate(t, h, 128<<10)
	finish := g.begin(t, filepath.Join(dir, "copy"))
	left := func() []string {
		names, err := filepath.Glob(filepath.Join(h.store, "snapshot-*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if len(left()) != 1 {
		t.Errorf("in the middle of a snapshot there is %q", left())
	}
	h.kill()
	close(g.opened)
	if status, out := finish(); status != 2 || !regexp.MustCompile(`^kymo: the hub at .* ended the copy before it was whole \(.*\); its log has the reason; run the command again\n$`).MatchString(out) {
		t.Errorf("kymo snapshot ended with %d:\n%s", status, out)
	}
	wantOnly(t, dir)
	h.start()
	if len(left()) > 0 {
		t.Errorf("left: %q", left())
	}
	f.o.checkRows(t, h, 168)
	if status, out := snapshot(t, h.url, filepath.Join(dir, "copy")); status != 0 {
		t.Errorf("kymo snapshot ended with %d:\n%s", status, out)
	}
	copied := startHub(t, filepath.Join(dir, "copy"))
	f.o.checkRows(t, copied, 168)
}

// A disk that is full leaves no half copy, whether that is known before or not.
func TestSnapshotOnAFullDisk(t *testing.T) {
	h := startHub(t, filepath.Join(t.TempDir(), "data"))
	heavy(t, h, random(t))
	dir, ballast := smallDisk(t, 32<<20, 31<<20)
	copied := filepath.Join(dir, "copy")
	refused(t, h.url, copied, `^kymo: the copy takes .* MiB, and .* has room for .*; make some, or name a directory on another disk\n$`)
	wantOnly(t, dir, "ballast")

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	g := newGate(t, h, 128<<10)
	finish := g.begin(t, copied)
	if err := os.WriteFile(ballast, make([]byte, 32<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	close(g.opened)
	if status, out := finish(); status != 2 || !regexp.MustCompile(`^kymo: there is no room in .*; make some, or name a directory on another disk\n$`).MatchString(out) {
		t.Errorf("kymo snapshot ended with %d:\n%s", status, out)
	}
	wantOnly(t, dir, "ballast")
}

// Damage of the hub's files is not hidden: either the hub has met it, and the reports of the
// copy say so, or the command does.
func TestSnapshotOfADamagedStore(t *testing.T) {
	h := startHub(t, filepath.Join(t.TempDir(), "data"))
	f := heavy(t, h, random(t))
	h.stop()
	h.start()
	tables, err := filepath.Glob(filepath.Join(h.store, "pebble", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	for _, name := range tables {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err == nil {
			_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, 100), info.Size()/2)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "copy")
	status, out := snapshot(t, h.url, dir)
	counted := true
	damaged := regexp.MustCompile(`(?m)^kymo: the hub's store is damaged, and so is its copy \(pebble/.*\); run: kymo repair ` + dir + `$`)
	if status == 1 && damaged.MatchString(out) {
		repair, err := kymo(t, "repair", "--yes", dir).CombinedOutput()
		if err != nil || !strings.Contains(string(repair), "It is repaired, and has ") {
			t.Errorf("kymo repair: %v:\n%s", err, repair)
		}
		counted = !regexp.MustCompile(`number is not known|perhaps more`).Match(repair)
	} else if status != 0 {
		t.Fatalf("kymo snapshot ended with %d:\n%s", status, out)
	}
	var report struct {
		Total int `json:"total_requests"`
		Trust struct {
			Lost    int
			Damaged bool
		}
	}
	copied := startHub(t, dir)
	// A copy that was made while the hub cut damage out does so itself when it starts.
	// Of what is stored twice, nothing is lost.
	eventually(t, time.Minute, "the copy has each request, or reports it as lost", func() bool {
		copied.get("/metrics/performance?hours=168", &report)
		return report.Total == len(f.o.events) || report.Trust.Damaged && (report.Total+report.Trust.Lost >= len(f.o.events) || !counted)
	})
}
