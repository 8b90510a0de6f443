package pebblestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
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
	ids        uint32           // one more than the largest id of a series
	paged      map[int64]uint64 // how many requests the pages of each hour have
	reader     blockReader
	spoilt     int      // blocks that make no sense
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
	e, err := openEngine(r.fs, dir, cache, r.ends)
	if err == nil {
		e.compact.allow()
	}
	if err != nil {
		return err
	}
	b := &rebuilder{repair: r, engine: e, batch: e.db.NewBatch(),
		series: make(map[uint32][]byte), identities: make(map[string]*identity), paged: make(map[int64]uint64)}
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
	if err := b.repage(); err != nil {
		return err
	}
	if err := b.assess(); err != nil {
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
	case prefixMeta:
		if d, err := decodeDamage(e.key, e.value); err == nil && bytes.HasPrefix(e.key, prefixDamage) {
			if d.open {
				b.holes = append(b.holes, keyRange{d.lower, d.upper})
				return nil
			}
			return b.set(e.key, e.value)
		}
	case prefixPage:
		return b.addPage(e)
	}
	return nil
}

func (b *rebuilder) addBlock(e entry) error {
	if !b.state.keeps(e.key) {
		return nil
	}
	if b.reader.open(e.value) != nil {
		b.spoilt++
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
	if level == level1h {
		if n, err := pageCount(e.value); err == nil {
			b.paged[span] += n
		}
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
	return slices.ContainsFunc(b.holes, func(x keyRange) bool {
		return bytes.Compare(key, x.lower) >= 0 && (x.upper == nil || bytes.Compare(key, x.upper) < 0)
	})
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

// repage makes the pages that are missing, a day at a time.
func (b *rebuilder) repage() error {
	ranges := b.holes
	if !b.listed {
		ranges = []keyRange{{[]byte{prefixPage}, []byte{prefixPage + 1}}}
	}
	r := repager{state: b.state, batch: b.engine.db.NewIndexedBatch()}
	from, end, err := r.hours()
	if err != nil {
		return err
	}
	for _, x := range ranges {
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
	r := repager{state: b.state, batch: b.engine.db.NewIndexedBatch()}
	d := &damage{id: uint64(b.now().UnixNano()), known: b.listed && b.spoilt == 0}
	cover := func(from, to int64) {
		if d.to == 0 || from < d.from {
			d.from = from
		}
		d.to = max(d.to, to)
	}
	for hour, paged := range b.paged {
		if !b.listed {
			break // files that are not in use any more count, too
		}
		kept, err := r.blockCount(hour)
		if err != nil {
			return err
		}
		if paged > kept {
			d.requests += paged - kept
			cover(hour*hourMillis, (hour+1)*hourMillis)
		}
	}
	now := b.now().UnixMilli()
	if b.nameless {
		d.known = false // they are there, and not under their names
		cover(b.state.floor, now)
	}
	if !b.listed && !b.complete() {
		d.known = false
		cover(b.state.floor, now)
		b.note("perhaps which batches were stored: one that is sent again may count twice")
	}
	for _, x := range b.holes {
		from, end := blockHour(x.lower, b.state.floor/hourMillis), blockHour(x.upper, now/hourMillis)+1
		if x.touches(prefixBlock) && (!b.listed || b.uncounted(from, end)) {
			d.known = false
			cover(from*hourMillis, min(now, end*hourMillis))
		}
		if x.touches(prefixIdentity) {
			b.note("which batches were stored, in part: one that is sent again may count twice")
		}
		if x.touches(prefixHealth) {
			b.note("results of health checks")
		}
	}
	if d.to == 0 {
		return nil
	}
	b.lost = append(b.lost, d.describe())
	return b.set(keyDamage(d.id), d.encode())
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

// uncounted reports whether pages that cannot be read may have counted the requests of the
// hours [from, end). They need not be in the same file as the blocks.
func (b *rebuilder) uncounted(from, end int64) bool {
	lower, upper := keyPage(level1h, from), keyPage(level1h, end)
	return slices.ContainsFunc(b.holes, func(x keyRange) bool {
		return (x.upper == nil || bytes.Compare(x.upper, lower) > 0) && bytes.Compare(x.lower, upper) < 0
	})
}

func (b *rebuilder) note(lost string) {
	if !slices.Contains(b.lost, lost) {
		b.lost = append(b.lost, lost)
	}
}

// touches reports whether keys with the prefix may be in the range.
func (x *keyRange) touches(prefix byte) bool {
	return (x.upper == nil || bytes.Compare(x.upper, []byte{prefix}) > 0) && bytes.Compare(x.lower, []byte{prefix + 1}) < 0
}
