package simulation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/internal/wire"
)

// damage damages a file while the hub is off. Then what was in the damaged bytes may be
// lost, and nothing else.
func (w *world) damage() {
	w.heal()
	w.rightClock() // the time that the store remembers may be lost
	w.ask()
	if w.r.IntN(2) == 0 {
		w.off()
	} else {
		w.disk.cutPower(0, 0)
		w.off()
		w.replaceDisk(w.disk.afterCrash())
	}
	mem := w.disk.mem
	dir := []string{"data/pebble", "data/pebble", "data/journal", "data/journal", "data"}[w.r.IntN(5)]
	files, err := mem.List(dir)
	if err != nil {
		w.failf("%v", err)
	}
	slices.Sort(files)
	files = slices.DeleteFunc(files, func(name string) bool {
		info, err := mem.Stat(path.Join(dir, name))
		return err != nil || info.IsDir() || info.Size() == 0 || name == "LOCK"
	})
	if len(files) == 0 {
		w.start()
		return
	}
	name := path.Join(dir, files[w.r.IntN(len(files))])
	before := w.readFile(mem, name)
	at, end := w.harm(mem, name, before)
	w.notef("  %s: bytes %d to %d of %d are damaged", name, at, end, len(before))
	w.hurt = true
	hit := make(map[identity]bool)
	if strings.HasSuffix(name, ".journal") {
		hit = batchesIn(before, at, end)
	} else {
		w.harmed = true
	}
	if err := w.open(); err != nil {
		w.notef("  it does not start: %v", err)
		if errors.Is(err, store.ErrVersion) {
			w.writeFile(mem, name, before) // a bit of the version was flipped
		} else {
			w.repair(err)
		}
		w.start()
	}
	w.assess(hit)
}

// harm damages a file and returns which bytes.
func (w *world) harm(mem *vfs.MemFS, name string, before []byte) (at, end int) {
	b := slices.Clone(before)
	at = w.r.IntN(len(b))
	end = len(b)
	switch w.r.IntN(6) {
	case 0:
		b = b[:at]
	case 1:
		at = 0
		if err := mem.Remove(name); err != nil {
			w.failf("%v", err)
		}
		return at, end
	case 2:
		end = min(at+1+w.r.IntN(2000), len(b))
		clear(b[at:end])
	default:
		end = at + 1
		b[at] ^= 1 << w.r.IntN(8)
	}
	w.writeFile(mem, name, b)
	return at, end
}

func (w *world) readFile(mem *vfs.MemFS, name string) []byte {
	f, err := mem.Open(name)
	if err != nil {
		w.failf("%v", err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		w.failf("%v", err)
	}
	return b
}

func (w *world) writeFile(mem *vfs.MemFS, name string, b []byte) {
	f, err := mem.Create(name, "damage")
	if err != nil {
		w.failf("%v", err)
	}
	_, err = f.Write(b)
	d, dirErr := mem.OpenDir(path.Dir(name))
	if err = errors.Join(err, f.Sync(), f.Close(), dirErr, d.Sync(), d.Close()); err != nil {
		w.failf("%v", err)
	}
}

// batchesIn returns the batches of a segment of the journal whose records have bytes in
// [at, end). The format is described in package pebblestore.
func batchesIn(b []byte, at, end int) map[identity]bool {
	hit := make(map[identity]bool)
	const header, recordHeader = 13, 8
	for place := header; place+recordHeader < len(b); {
		size := int(binary.LittleEndian.Uint32(b[place:]))
		next := place + recordHeader + size
		if size == 0 || next > len(b) {
			break
		}
		var batch wire.Batch
		if wire.Decode(b[place+recordHeader:next], &batch) == nil && place < end && next > at {
			hit[identity{batch.Instance, batch.Sequence}] = true
		}
		place = next
	}
	return hit
}

// repair repairs a store that does not open, as kymo repair does.
func (w *world) repair(why error) {
	if !errors.Is(why, store.ErrDamaged) {
		w.failf("it is damaged, and does not start: %v", why)
	}
	done, err := pebblestore.Repair("data", w.options())
	if err != nil || len(done.Damage) == 0 {
		w.failf("repair: %+v, %v", done, err)
	}
	w.notef("  repaired: %+v", *done)
	w.nameless = w.nameless || strings.Contains(done.Lost, "the names of")
	if strings.Contains(done.Lost, "which batches were stored") {
		w.model.each(func(b *batch) { b.forgot = true })
	}
}

// assess compares a damaged store with the model, which learns what is lost. What is must
// be in the batches that were hit, or where the store says that it is damaged.
func (w *world) assess(hit map[identity]bool) {
	var records map[int64]store.Record
	var results map[string]bool
	for tries := 0; ; tries++ {
		var err error
		w.model.asked()
		if records, results, err = w.readOnce(); err == nil {
			break
		}
		if tries > 20 || !errors.Is(err, store.ErrDamaged) {
			w.off()
			w.repair(err)
			w.start()
			tries = 0
			w.verify()
		}
	}
	lost := func(b *batch, from, to int64) bool {
		from = min(from, w.truth()-1) // the store does not tell what it lost of the future
		return hit[b.identity] || w.harmed && w.store.Lost(rollup.Window{From: from, To: to}).Damaged
	}
	w.model.each(func(b *batch) {
		if !b.due {
			return
		}
		gone, left := w.losses(b, records, results, lost)
		if gone == 0 {
			return
		}
		w.notef("  batch %v lost %d of %d", b.identity, gone, gone+left)
		if hit[b.identity] && left == 0 {
			b.kept, b.counted, b.variant, b.lost, b.forgot = false, false, -1, nil, false // it may come again
			b.attempts = max(b.attempts, 2)
		} else if hit[b.identity] && !w.harmed {
			w.failf("of batch %v, which was damaged, a part is left", b.identity)
		}
	})
}

// losses notes what of a batch is lost, and returns how much, and how much is left.
func (w *world) losses(b *batch, records map[int64]store.Record, results map[string]bool, lost func(b *batch, from, to int64) bool) (gone, left int) {
	if b.lost == nil {
		b.lost = make(map[int64]bool)
	}
	if b.variant < 0 {
		return 0, 0
	}
	v := b.variants[b.variant]
	miss := func(number, from, to int64, what string) {
		if b.lost[number] {
			return
		}
		if !lost(b, from, to) {
			w.failf("%s of batch %v is missing, where nothing is damaged", what, b.identity)
		}
		b.lost[number] = true
		gone++
	}
	for i := range v.Len() {
		r := v.Request(i)
		if _, ok := records[r.Size]; ok {
			left++
		} else if r.Start >= w.floor {
			miss(r.Size, r.Start, r.Start+1, fmt.Sprintf("the request %d", r.Size))
		}
	}
	for k := range v.Health {
		h := &v.Health[k]
		if results[healthLine(b.instance, h)] {
			left++
		} else if h.To >= w.floor {
			miss(-h.From, h.From, h.To+1, "a health result")
		}
	}
	return gone, left
}
