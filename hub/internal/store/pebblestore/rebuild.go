package pebblestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

// rebuilder fills another database with what the tables of a damaged one have. It need
// not know which of them are in use: all that it takes is the same however often it is
// there. Pages are not, so they are taken only if the database lists its tables, and are
// made again otherwise.
type rebuilder struct {
	*repair
	engine     *engine
	batch      *pebble.Batch
	series     map[uint32][]byte
	identities map[string]*identity
	records    map[string]record // of damages, by key
	ids        uint32            // one more than the largest id of a series
	reader     blockReader
	numbers    []uint64 // of the blocks
	nameless   bool     // whether names of series are lost
}

// rebuildBytes is how much is written at once.
const rebuildBytes = 4 << 20

// rebuild fills rebuiltDir.
func (r *repair) rebuild() error {
	dir := path.Join(r.dir, rebuiltDir)
	if err := r.fs.RemoveAll(dir); err != nil {
		return err
	}
	cache := pebble.NewCache(cacheSize)
	defer cache.Unref()
	e, err := openEngine(r.fs, dir, cache, r.ends, 0)
	if err == nil {
		e.compact.allow()
	}
	if err != nil {
		return err
	}
	b := &rebuilder{repair: r, engine: e, batch: e.db.NewBatch(),
		series: make(map[uint32][]byte), identities: make(map[string]*identity), records: make(map[string]record)}
	err = b.fill()
	if err == nil {
		err = e.flush()
	}
	return errors.Join(err, e.close())
}

func (b *rebuilder) fill() error {
	for _, t := range b.tables {
		file, err := openTable(b.fs, path.Join(b.dir, databaseDir, t.file))
		if err != nil {
			continue // inspect has said so
		}
		_, err = file.scan(t.first, t.end, b.add)
		file.close()
		if err != nil {
			return err
		}
	}
	if err := b.addSeries(); err != nil {
		return err
	}
	for instance, id := range b.identities {
		if err := b.set(keyIdentity(instance), id.appendBinary(nil)); err != nil {
			return err
		}
	}
	if err := b.write(); err != nil {
		return err
	}
	// What only pages have is counted before any page is made from what is left.
	if err := b.assess(); err != nil {
		return err
	}
	if err := b.repage(); err != nil {
		return err
	}
	if b.state.segment == 0 { // the state is lost; what of the journal is stored twice counts once
		if numbers, err := segments(b.fs, path.Join(b.dir, journalDir)); err == nil && len(numbers) > 0 {
			b.state.segment = numbers[0] - 1
		}
	}
	if n := len(b.numbers); n > 0 {
		b.state.number = max(b.state.number, slices.Max(b.numbers))
	}
	if err := b.set(keyState, b.state.encode()); err != nil {
		return err
	}
	return b.write()
}

// set adds a key to the batch, which it writes when it is large enough.
func (b *rebuilder) set(key, value []byte) error {
	if err := b.batch.Set(key, value, nil); err != nil || b.batch.Len() < rebuildBytes {
		return err
	}
	return b.write()
}

func (b *rebuilder) write() error {
	err := b.engine.apply(b.batch)
	b.batch = b.engine.db.NewBatch()
	return err
}

// add takes over an entry of a table.
func (b *rebuilder) add(e entry) error {
	if bytes.HasPrefix(e.key, prefixDamage) {
		b.addDamage(e)
		return nil
	}
	if len(e.key) == 0 || !e.isValue() && e.kind != pebble.InternalKeyKindMerge {
		return nil
	}
	switch e.key[0] {
	case prefixBlock:
		return b.addBlock(e)
	case prefixHealth:
		if b.state.keeps(e.key) {
			return b.set(e.key, e.value)
		}
	case prefixSeries:
		if _, err := decodeSeries(e.value); err == nil && len(e.key) == len(keySeries(0)) {
			b.series[binary.BigEndian.Uint32(e.key[1:])] = slices.Clone(e.value)
		}
	case prefixIdentity:
		if id, err := decodeIdentity(e.value); err == nil {
			if old := b.identities[string(e.key[1:])]; old != nil {
				id.seen = max(id.seen, old.seen)
				id.numbers.Union(&old.numbers)
			}
			b.identities[string(e.key[1:])] = id
		}
	case prefixPage:
		return b.addPage(e)
	}
	return nil
}

// record is the last that is stored of a damage: nil if it was deleted.
type record struct {
	sequence uint64
	damage   *damage
}

func (b *rebuilder) addDamage(e entry) {
	old, known := b.records[string(e.key)]
	if known && old.sequence > e.sequence {
		return
	}
	d, err := decodeDamage(e.key, e.value)
	if !e.isValue() || err != nil {
		d = nil
	}
	b.records[string(e.key)] = record{e.sequence, d}
}

// earlier returns the damages that were closed before. What the others took is a hole.
func (b *rebuilder) earlier() (closed []*damage) {
	for _, r := range b.records {
		switch d := r.damage; {
		case d == nil:
		case d.open:
			b.holes = append(b.holes, keyRange{d.lower, d.upper})
		default:
			closed = append(closed, d)
		}
	}
	return closed
}

func (b *rebuilder) addBlock(e entry) error {
	if !b.state.keeps(e.key) {
		return nil
	}
	if b.reader.open(e.value) != nil {
		b.holes = append(b.holes, keyRange{bytes.Clone(e.key), append(bytes.Clone(e.key), 0)})
		return nil //nolint:nilerr // it is counted
	}
	for _, id := range b.reader.list {
		b.ids = max(b.ids, id+1)
	}
	for _, d := range b.reader.drops {
		b.ids = max(b.ids, d.series+1)
	}
	b.numbers = append(b.numbers, binary.BigEndian.Uint64(e.key[len(e.key)-8:]))
	return b.set(e.key, e.value)
}

func (b *rebuilder) addPage(e entry) error {
	if len(e.key) != len(keyPage(0, 0)) || int(e.key[1]) >= levelCount {
		return nil
	}
	level := int(e.key[1])
	span, _ := spansBetween(level, e.key, nil)
	floor := b.state.floor
	if level == level10s {
		floor = max(floor, b.state.floor10s)
	}
	if span < levels[level].Span(floor) {
		return nil
	}
	// A page that makes no sense would keep the others of its span from being read.
	if _, err := pageCount(e.value); err != nil && b.listed {
		b.holes = append(b.holes, keyRange{bytes.Clone(e.key), append(bytes.Clone(e.key), 0)})
	}
	if !b.listed || b.inHole(e.key) {
		return nil
	}
	if err := b.batch.Merge(e.key, e.value, nil); err != nil || b.batch.Len() < rebuildBytes {
		return err
	}
	return b.write()
}

func (b *rebuilder) inHole(key []byte) bool {
	return slices.ContainsFunc(b.holes, func(x keyRange) bool { return x.contains(key) })
}

// addSeries adds the series. Those whose names are lost get others, since their numbers
// have no gaps.
func (b *rebuilder) addSeries() error {
	for id := range b.series {
		b.ids = max(b.ids, id+1)
	}
	nameless := 0
	for id := range b.ids {
		value := b.series[id]
		if value == nil {
			nameless++
			value = encodeSeries(&rollup.Key{Service: "(lost)", Endpoint: fmt.Sprintf("(lost %d)", id), Method: "GET", Status: 200})
		}
		if err := b.set(keySeries(id), value); err != nil {
			return err
		}
	}
	if b.nameless = nameless > 0; b.nameless {
		b.lost = append(b.lost, fmt.Sprintf("the names of %d series, now of the service (lost)", nameless))
	}
	return nil
}

// unpaged returns the keys whose pages are not taken over, in order. Shorter pages come before
// the longer ones that are made from them.
func (b *rebuilder) unpaged() (ranges []keyRange) {
	if !b.listed {
		return []keyRange{{[]byte{prefixPage}, []byte{prefixPage + 1}}}
	}
	for _, x := range b.holes {
		ranges = join(ranges, x)
	}
	return ranges
}

// repage makes the pages that are missing, a day at a time.
func (b *rebuilder) repage() error {
	r := repager{state: b.state, batch: b.engine.db.NewIndexedBatch()}
	from, end, err := r.hours()
	if err != nil {
		return err
	}
	for _, x := range b.unpaged() {
		if x.upper == nil {
			x.upper = []byte{prefixPage + 1}
		}
		for level, length := range levels {
			for hour := from / 24 * 24; hour < end; hour += 24 {
				lower, upper := keyPage(level, length.Span(hour*hourMillis)), keyPage(level, length.Span((hour+24)*hourMillis))
				if bytes.Compare(lower, x.lower) < 0 {
					lower = x.lower
				}
				if bytes.Compare(upper, x.upper) > 0 {
					upper = x.upper
				}
				if bytes.Compare(lower, upper) >= 0 {
					continue
				}
				r.batch = b.engine.db.NewIndexedBatch()
				if err := r.between(lower, upper); err != nil {
					return err
				}
				if err := b.engine.apply(r.batch); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// assess finds out what is lost: requests that only pages have, and what else the keys
// that cannot be read may have been.
func (b *rebuilder) assess() error {
	now := b.now()
	id := uint64(now.UnixNano())
	all := b.earlier()
	add := func(d *damage) {
		for slices.ContainsFunc(all, func(other *damage) bool { return other.id == id }) {
			id++
		}
		d.id = id
		all = append(all, d)
	}
	for _, d := range all {
		if _, ok := d.keys(); ok && !b.listed {
			d.known = false // no page will tell what it took from what others take
		}
	}
	for _, x := range b.holes {
		add(&damage{open: true, lower: x.lower, upper: x.upper})
		if x.overlaps(damageKeys) { // of what was lost before, pages may still tell
			add(&damage{open: true, lower: keyHour(0), upper: keyHour(math.MaxUint32)})
			b.note("what was noted of losses in the journal, if there were any")
		}
		if x.touches(prefixIdentity) {
			b.note("which batches were stored, in part: one that is sent again may count twice")
		}
	}
	gone := !b.listed && b.incomplete() // a table of which nothing is known
	if gone {
		b.note("perhaps which batches were stored: one that is sent again may count twice")
	}
	if gone || b.nameless { // nameless ones are there, and not under their names
		d := &damage{from: b.state.floor, to: now.UnixMilli()}
		add(d)
		b.lost = append(b.lost, d.describe())
	}
	r := repager{state: b.state, batch: b.engine.db.NewIndexedBatch()}
	losses, err := r.account(all, b.unpaged(), now.UnixMilli())
	if err != nil {
		return err
	}
	merged := make(map[*damage]bool)
	for i := range losses {
		for _, d := range losses[i].parts {
			merged[d] = true
		}
		whole := losses[i].whole
		if whole.to == 0 {
			continue
		}
		b.lost = append(b.lost, whole.describe())
		if err := b.set(keyDamage(whole.id), whole.encode()); err != nil {
			return err
		}
	}
	for _, d := range all {
		if merged[d] {
			continue
		}
		if err := b.set(keyDamage(d.id), d.encode()); err != nil {
			return err
		}
	}
	return nil
}

// incomplete reports whether a table may be missing: blocks, or what the journal had before
// the oldest segment that is left.
func (b *rebuilder) incomplete() bool {
	numbers, err := segments(b.fs, b.journalDir())
	return err != nil || !b.complete() || len(numbers) == 0 || len(missingSegments(numbers, b.state.segment)) > 0
}

// complete reports whether all blocks are there: their numbers have no gaps, but for what
// was pruned.
func (b *rebuilder) complete() bool {
	slices.Sort(b.numbers)
	b.numbers = slices.Compact(b.numbers)
	n := uint64(len(b.numbers))
	if n == 0 {
		return false
	}
	first, last := b.numbers[0], b.numbers[n-1]
	return b.state.number > 0 && last-first+1 == n && last >= b.state.number && (first == 1 || b.state.floor > 0)
}

func (b *rebuilder) note(lost string) {
	if !slices.Contains(b.lost, lost) {
		b.lost = append(b.lost, lost)
	}
}
