package pebblestore

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// A hub that is killed before anything else is written knows what time it was.
func TestFirstReckonIsDurable(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, Options{FS: fs})
	if err := s.Reckon(t.Context(), storetest.Noon); err != nil {
		t.Fatal(err)
	}
	crashed := open(t, Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
	if got, err := crashed.Reckoned(t.Context()); got != storetest.Noon || err != nil {
		t.Errorf("reckoned %d, %v, want %d", got, err, storetest.Noon)
	}
}

// A clock that went back does not keep what was applied from becoming durable.
func TestAgeByAClockThatWentBack(t *testing.T) {
	fs := vfs.NewMem()
	now := time.Now()
	tuning := defaultTuning
	tuning.pause = time.Millisecond
	s := open(t, Options{FS: fs, tuning: tuning, Now: func() time.Time { return now }})
	mustAppend(t, s, batches("a", 10)())
	err := s.do(t.Context(), func(c *committer) error {
		c.freeze()
		c.drain()
		now = now.Add(-24 * time.Hour)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for len(journalOf(t, fs)) > 1 {
		awaitTurn(t, s)
	}
}
