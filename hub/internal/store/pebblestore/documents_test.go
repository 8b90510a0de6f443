package pebblestore

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

func document(name string, n int) *store.Document {
	at := time.UnixMilli(storetest.Noon + int64(n)).UTC()
	return &store.Document{Kind: "check", Name: name, Created: at, Updated: at, JSON: fmt.Appendf(nil, `{"name":%q,"n":%d}`, name, n)}
}

func mustPut(t *testing.T, s *Store, all ...*store.Document) {
	t.Helper()
	for _, d := range all {
		if err := s.PutDocument(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

// documentTexts returns the documents of a store.
func documentTexts(t *testing.T, s *Store) (all []string) {
	t.Helper()
	found, err := s.Documents(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		all = append(all, d.Name+" "+string(d.JSON))
	}
	return all
}

func textOf(d *store.Document) string { return d.Name + " " + string(d.JSON) }

// What was acknowledged survives a power failure, and what was deleted does not come back.
func TestDocumentsSurviveACrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, Options{FS: fs, tuning: busy})
	one, two, again := document("one", 1), document("two", 2), document("one", 3)
	for _, step := range []struct {
		do   func() error
		want []string
	}{
		{func() error { return s.PutDocument(t.Context(), one) }, []string{textOf(one)}},
		{func() error { return s.PutDocument(t.Context(), two) }, []string{textOf(one), textOf(two)}},
		{func() error { return s.PutDocument(t.Context(), again) }, []string{textOf(again), textOf(two)}},
		{func() error { return s.DeleteDocument(t.Context(), "check", "one") }, []string{textOf(two)}},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		crashed := open(t, Options{FS: fs.CrashClone(vfs.CrashCloneCfg{}), tuning: busy})
		if got := documentTexts(t, crashed); !slices.Equal(got, step.want) {
			t.Errorf("after a crash: %q, want %q", got, step.want)
		}
		crashed.Close()
	}
}

// A disk that fails or is full refuses a document, and those before stay.
func TestDocumentsOnAFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	full := false
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full && strings.Contains(op.Path, documentsFile) && op.Kind == errorfs.OpFileWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := open(t, Options{FS: fs, tuning: busy})
	one, two := document("one", 1), document("two", 2)
	mustPut(t, s, one)
	full = true
	err := s.PutDocument(t.Context(), two)
	if got := documentTexts(t, s); err == nil || !strings.Contains(err.Error(), store.ErrFull.Error()) || !slices.Equal(got, []string{textOf(one)}) {
		t.Errorf("on a full disk: %v, and then there is %q", err, got)
	}
	full = false
	mustPut(t, s, two)
	if got := documentTexts(t, s); !slices.Equal(got, []string{textOf(one), textOf(two)}) {
		t.Errorf("with room again: %q", got)
	}
}

// Damage costs the documents that it hits. The store opens, says so, keeps the file as it
// was, and a repair reports it.
func TestDamagedDocuments(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, Options{FS: fs, tuning: busy})
	all := []*store.Document{document("one", 1), document("three", 3), document("two", 2)}
	mustPut(t, s, all...)
	s.Close()
	name := path.Join("data", documentsFile)
	whole, err := readFile(fs, name)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 7 {
		spoilt := slices.Clone(whole)
		spoilt[at] ^= 0x41
		if got, damaged := parseDocuments(spoilt); damaged == 0 || len(got)+damaged < len(all) || len(got) < len(all)-2 {
			t.Errorf("byte %d: %d documents are left, %d lines are damaged", at, len(got), damaged)
		}
	}
	spoilt := slices.Clone(whole)
	spoilt[bytes.Index(whole, []byte("three"))] = 'T'
	write := func(content []byte) {
		t.Helper()
		f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
		if err == nil {
			_, err = f.Write(slices.Clone(content)) // under the race detector, the file system spoils what it is given
		}
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	write(spoilt)
	inspected, err := Inspect("data", Options{FS: fs, tuning: busy})
	if want := "[documents is damaged: 1 lines hold no document; 2 can be read]"; err != nil || fmt.Sprint(inspected.Damage) != want {
		t.Errorf("inspected: %v, %v, want %s", inspected, err, want)
	}
	var log strings.Builder
	s = open(t, Options{FS: fs, tuning: busy, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	want := []string{textOf(all[0]), textOf(all[2])}
	if got := documentTexts(t, s); !slices.Equal(got, want) || !strings.Contains(log.String(), "file=documents") {
		t.Errorf("opened with damage: %q; the log has %q", got, log.String())
	}
	mustPut(t, s, all[1])
	s.Close()
	aside, _ := fs.List(path.Join("data", asideDir))
	if len(aside) != 1 || !strings.HasPrefix(aside[0], documentsFile+"-") {
		t.Errorf("put aside: %q", aside)
	} else if kept, err := readFile(fs, path.Join("data", asideDir, aside[0])); err != nil || !bytes.Equal(kept, spoilt) {
		t.Errorf("what is aside: %v, %q", err, kept)
	}
	write(spoilt)
	r, err := Repair("data", Options{FS: fs, tuning: busy})
	if err != nil || !strings.Contains(r.Lost, "1 of what was added over the API") {
		t.Errorf("repaired: %+v, %v", r, err)
	}
	s = open(t, Options{FS: fs, tuning: busy})
	if got := documentTexts(t, s); !slices.Equal(got, want) {
		t.Errorf("after the repair: %q", got)
	}
}

// A snapshot has the documents of its instant, whatever is put while it is read.
func TestSnapshotOfDocuments(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy})
	one, two := document("one", 1), document("two", 2)
	mustPut(t, s, one)
	n, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	mustPut(t, s, two)
	f, err := n.Open(documentsFile)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(f); err != nil || !strings.Contains(string(content), "one") || strings.Contains(string(content), "two") {
		t.Errorf("the snapshot has %q, %v", content, err)
	}
	f.Close()
	restored := open(t, Options{FS: restore(t, n), tuning: busy})
	if got := documentTexts(t, restored); !slices.Equal(got, []string{textOf(one)}) {
		t.Errorf("restored: %q", got)
	}
}
