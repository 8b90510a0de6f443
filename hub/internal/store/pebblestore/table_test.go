package pebblestore

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// An error of the disk may pass. What cannot be read because of one is damaged only for a
// repair, which nothing else can help.
func TestScanWithDiskErrors(t *testing.T) {
	d := fill(t)
	broken := errors.New("input/output error")
	var reads, fails atomic.Int64
	fs := errorfs.Wrap(d.copy(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileReadAt && reads.Add(1) == fails.Load() {
			return broken
		}
		return nil
	}))
	files := filesLike(t, fs, "data/pebble", tableSuffix)
	for _, strict := range []bool{false, true} {
		for fail := int64(1); ; fail++ {
			file, err := openTable(fs, files[0])
			if err != nil {
				t.Fatal(err)
			}
			file.strict = strict
			reads.Store(0)
			fails.Store(fail)
			holes, err := file.scan(nil, nil, func(entry) error { return nil })
			file.close()
			fails.Store(0)
			if reads.Load() < fail { // it did not come to that
				if err != nil || len(holes) > 0 || fail == 1 {
					t.Errorf("strict %t: holes %q, error %v with %d reads", strict, holes, err, reads.Load())
				}
				break
			}
			if strict && !errors.Is(err, broken) || !strict && (err != nil || len(holes) == 0) {
				t.Errorf("strict %t, read %d fails: %d holes, error %v", strict, fail, len(holes), err)
			}
		}
	}
}
