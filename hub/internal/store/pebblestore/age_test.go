package pebblestore

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestAge flushes by age: the clock, not the machine's time, says when.
func TestAge(t *testing.T) {
	fs := vfs.NewMem()
	now := time.Now()
	tuning := defaultTuning
	tuning.pause = time.Millisecond
	s := open(t, Options{FS: fs, tuning: tuning, Now: func() time.Time { return now }})
	next := batches("a", 10)
	mustAppend(t, s, next())
	if n := blocks(t, s); n != 0 {
		t.Fatalf("%d blocks right after an append", n)
	}
	for i := range 2 {
		err := s.do(t.Context(), func(*committer) error { now = now.Add(tuning.age); return nil })
		if err != nil {
			t.Fatal(err)
		}
		// Two turns later the committer has frozen, applied and asked Pebble.
		for i == 0 && blocks(t, s) == 0 {
			awaitTurn(t, s)
		}
	}
	for len(journalOf(t, fs)) > 1 { // but for the newest, which is empty
		awaitTurn(t, s)
	}
}
