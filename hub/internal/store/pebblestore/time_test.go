package pebblestore

import (
	"testing"

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
