package pebblestore

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// TestDamageOfEveryTable damages all tables, so that of some hours neither the requests can
// be read nor their number.
func TestDamageOfEveryTable(t *testing.T) {
	d := fill(t)
	d.many = true
	spoil := func(t *testing.T, fs vfs.FS, harm func(b []byte)) {
		t.Helper()
		for _, name := range filesLike(t, fs, "data/pebble", tableSuffix) {
			b, err := readFile(fs, name)
			if err != nil {
				t.Fatal(err)
			}
			harm(b)
			writeFile(t, fs, name, string(b))
		}
	}
	for seed := range uint64(storetest.Volume(12)) {
		for _, repair := range []bool{false, true} {
			t.Run(fmt.Sprint("seed ", seed, ", repaired at once ", repair), func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 6))
				fs := d.copy()
				spoil(t, fs, func(b []byte) {
					if seed == 0 {
						clear(b[:min(16, len(b))])
						return
					}
					for n := 1 + r.IntN(3); n > 0 && len(b) > 0; n-- { // the crash may have left an empty one
						at := r.IntN(len(b))
						for i := range b[at:min(at+100, len(b))] {
							b[at+i] ^= 0xff
						}
					}
				})
				if repair {
					repairNow(t, fs)
				}
				d.use(t, fs, false)
			})
		}
	}
}

// TestDamageOnceMore damages a store again after it was mended or repaired. Nothing counts as
// lost twice.
func TestDamageOnceMore(t *testing.T) {
	d := fill(t)
	d.many = true
	for seed := range uint64(storetest.Volume(12)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 8))
			now, fs := &d, d.copy()
			for range 3 {
				tables := filesLike(t, fs, "data/pebble", tableSuffix)
				name := tables[r.IntN(len(tables))]
				b, err := readFile(fs, name)
				if err != nil {
					t.Fatal(err)
				}
				if len(b) > 0 {
					b[r.IntN(len(b))] ^= 0xff
				}
				writeFile(t, fs, name, string(b))
				if r.IntN(2) == 0 && strings.Contains(repairNow(t, fs), "which batches were stored") {
					now = &stored{fs: fs, oracle: d.oracle, forgot: true, many: true}
				}
				now = now.use(t, fs, false)
			}
		})
	}
}

// repairNow repairs a directory, and returns what is lost.
func repairNow(t *testing.T, fs vfs.FS) (lost string) {
	t.Helper()
	done, err := Repair("data", Options{FS: fs, Now: afternoon, tuning: busy, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%+v", done)
		}
	})
	return done.Lost
}
