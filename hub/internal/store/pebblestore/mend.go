package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/kymohq/kymo/internal/wire"
)

// asideDir is the directory, in the store's, where damaged files are kept as they were
// found.
const asideDir = "damaged"

// liveTable is a file of the database, or the part of one that is in use.
type liveTable struct {
	file       string
	first, end []byte
}

func (e *engine) liveTables() ([]liveTable, error) {
	var tables []liveTable
	err := e.attempt(func() error {
		levels, err := e.db.SSTables()
		for _, level := range levels {
			for _, t := range level {
				tables = append(tables, liveTable{
					file:  fmt.Sprintf("%s.sst", t.BackingSSTNum),
					first: t.Smallest.UserKey,
					end:   append(bytes.Clone(t.Largest.UserKey), 0),
				})
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return tables, nil
}

// mend cuts what cannot be read of a file out of the database, so that reads and
// compactions meet it no more. What was there is made again from elsewhere, as far as
// that is possible, and the rest is counted as lost.
func (c *committer) mend(name string) {
	name = path.Base(name)
	if c.failed != nil || c.hopeless[name] {
		return
	}
	spoilt := false
	err := c.engine.totals.rewrite(func() (err error) {
		spoilt, err = c.cutOut(name)
		return err
	})
	switch {
	case c.engine.isDead():
		return // the next engine finds it, too
	case err != nil:
		c.giveUp(name, err)
	case !spoilt && c.suspected[name] > 2:
		c.giveUp(name, errors.New("its damage is not in its data"))
	case !spoilt:
		c.suspected[name]++ // its reader may have been told by what another one read
	}
	c.engine.compact.resume()
}

// giveUp notes damage that cannot be cut out while the store is open.
func (c *committer) giveUp(name string, err error) {
	c.hopeless[name] = true
	line, _, _ := strings.Cut(err.Error(), "\n")
	c.logger.Error("a file of the store is damaged; stop the hub and run kymo repair", "directory", c.dir, "file", name, "error", line)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unmended = fmt.Errorf("%s: %s", name, line)
}

// cutOut cuts out all that cannot be read of a file, and reports whether there was any.
func (c *committer) cutOut(name string) (spoilt bool, err error) {
	if err := c.settle(); err != nil {
		return false, err
	}
	tables, err := c.engine.liveTables()
	if err != nil {
		return false, err
	}
	for _, t := range tables {
		if t.file != name {
			continue
		}
		holes, err := c.holes(t)
		if err != nil {
			return spoilt, err
		}
		for _, h := range holes {
			if !spoilt {
				c.keepAside(name)
			}
			spoilt = true
			// The keys on both sides of the damage go, too, and are written back: what is
			// left of the file would otherwise begin beside the damage, and its reader
			// backwards would meet that.
			lower, upper := t.first, t.end
			if h.last != nil {
				lower = h.last
			}
			if h.next != nil {
				upper = append(bytes.Clone(h.next), 0)
			}
			if err := c.cut(name, tables, lower, upper); err != nil {
				return spoilt, err
			}
		}
	}
	return spoilt, nil
}

// settle brings everything into Pebble's files, so that memory and the database know the
// same.
func (c *committer) settle() error {
	c.drain()
	c.freeze()
	c.drain()
	c.makeDurable()
	c.drain()
	if c.engine.isDead() {
		return c.engine.err
	}
	if c.recent.batches > 0 {
		return errors.New("memory cannot be written")
	}
	return nil
}

func (c *committer) holes(t liveTable) ([]hole, error) {
	file, err := openTable(c.fs, path.Join(c.dir, databaseDir, t.file))
	if err != nil {
		return nil, err
	}
	defer file.close()
	file.strict = true
	return file.scan(t.first, t.end, func(entry) error { return nil })
}

// keepAside links a file into the directory of damaged files.
func (c *committer) keepAside(name string) {
	dir := path.Join(c.dir, asideDir)
	if err := c.fs.MkdirAll(dir, 0o755); err == nil {
		_ = c.fs.Link(path.Join(c.dir, databaseDir, name), path.Join(dir, name)) // it may be there already
	}
}

// cut replaces the keys in [lower, upper) by their known parts: the blocks and
// results of other files, and what is in memory. The pages are made again afterwards,
// even if the process ends in between.
func (c *committer) cut(name string, tables []liveTable, lower, upper []byte) error {
	d := &damage{id: uint64(c.now().UnixNano()), open: true, lower: lower, upper: upper}
	for c.damages[d.id] != nil {
		d.id++
	}
	b := c.engine.db.NewBatch()
	if err := b.Set(keyDamage(d.id), d.encode(), nil); err != nil {
		return err
	}
	if err := c.engine.apply(b); err != nil {
		return err
	}
	c.note(d)
	if err := c.engine.flush(); err != nil {
		return err
	}
	kept, err := c.keptElsewhere(tables, lower, upper)
	if err != nil {
		return err
	}
	draft := path.Join(c.dir, "kept.sst")
	if err := c.writeTable(draft, kept); err != nil {
		return err
	}
	err = c.engine.attempt(func() error {
		span := pebble.KeyRange{Start: lower, End: upper}
		if len(kept) == 0 {
			return c.engine.db.Excise(context.Background(), span)
		}
		_, err := c.engine.db.IngestAndExcise(context.Background(), []string{draft}, nil, nil, span)
		return err
	})
	if err != nil {
		if len(kept) > 0 {
			_ = c.fs.Remove(draft)
		}
		return fmt.Errorf("cut out what is damaged: %w", err)
	}
	return c.closeDamage(name, d)
}

// note keeps a damage in memory.
func (c *committer) note(d *damage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.damages[d.id] = d
}

// keptElsewhere returns the keys in [lower, upper) with their values, pages left out.
func (c *committer) keptElsewhere(tables []liveTable, lower, upper []byte) (map[string][]byte, error) {
	kept := make(map[string][]byte)
	add := func(key, value []byte) {
		if bytes.Compare(key, lower) >= 0 && bytes.Compare(key, upper) < 0 {
			kept[string(key)] = bytes.Clone(value)
		}
	}
	for _, t := range tables {
		from, end := t.first, t.end
		if bytes.Compare(from, lower) < 0 {
			from = lower
		}
		if bytes.Compare(end, upper) > 0 {
			end = upper
		}
		if bytes.Compare(from, end) >= 0 {
			continue
		}
		file, err := openTable(c.fs, path.Join(c.dir, databaseDir, t.file))
		if err != nil {
			return nil, err
		}
		file.strict = true
		_, err = file.scan(from, end, func(e entry) error {
			if e.isValue() && c.state.keeps(e.key) {
				add(e.key, e.value)
			}
			return nil
		})
		file.close()
		if err != nil {
			return nil, err
		}
	}
	add(keyState, c.state.encode())
	for _, d := range c.damages {
		add(keyDamage(d.id), d.encode())
	}
	for id := range c.series.saved {
		add(keySeries(uint32(id)), encodeSeries(&c.series.keys[id]))
	}
	for instance, id := range c.identities {
		add(keyIdentity(instance), id.appendBinary(nil))
	}
	return kept, nil
}

func (e *entry) isValue() bool {
	return e.kind == pebble.InternalKeyKindSet || e.kind == pebble.InternalKeyKindSetWithDelete
}

// keeps reports whether a key is that of a block or of a health result that was not
// pruned.
func (s *state) keeps(key []byte) bool {
	switch {
	case len(key) == 0:
		return false
	case key[0] == prefixBlock:
		return len(key) == len(keyBlock(0, 0)) && blockStart(key) >= s.floor
	case key[0] == prefixHealth:
		return healthFrom(key) >= s.floor-wire.MaxSpan
	}
	return false
}

// writeTable writes a file that Pebble can take in.
func (c *committer) writeTable(name string, entries map[string][]byte) error {
	if len(entries) == 0 {
		return nil
	}
	file, err := c.fs.Create(name, "kymo-kept")
	if err != nil {
		return err
	}
	o := tableOptions()
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(file), o.MakeWriterOptions(0, o.FormatMajorVersion.MaxTableFormat()))
	keys := make([]string, 0, len(entries))
	for key := range entries {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		err = errors.Join(err, w.Set([]byte(key), entries[key]))
	}
	return errors.Join(err, w.Close())
}

// closeDamages ends what another process was about to do.
func (c *committer) closeDamages() {
	for _, d := range c.damages {
		if !d.open {
			continue
		}
		if err := c.engine.totals.rewrite(func() error { return c.closeDamage("", d) }); err != nil {
			return // the next start tries again
		}
	}
}

// closeDamage makes the pages of an open damage again and counts what is lost.
func (c *committer) closeDamage(name string, open *damage) error {
	d := *open
	d.open = false
	b := c.engine.db.NewIndexedBatch()
	st := c.state
	err := c.engine.attempt(func() error {
		r := repager{batch: b, state: st}
		if err := r.between(d.lower, d.upper); err != nil {
			return fmt.Errorf("make pages again: %w", err)
		}
		if err := r.assess(&d, c.now().UnixMilli()); err != nil {
			return fmt.Errorf("count what is lost: %w", err)
		}
		if d.to == 0 {
			return b.Delete(keyDamage(d.id), nil)
		}
		return b.Set(keyDamage(d.id), d.encode(), nil)
	})
	if err != nil {
		return err
	}
	if err := c.engine.apply(b); err != nil {
		return fmt.Errorf("make pages again: %w", err)
	}
	if c.applied == 0 {
		c.since = c.now()
	}
	c.applied++
	c.mends.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.damages, d.id)
	if d.to > 0 {
		c.damages[d.id] = &d
		c.lostNow = append(c.lostNow, &d)
	}
	c.logger.Error("a file of the store is damaged; what cannot be read was cut out",
		"directory", c.dir, "file", name, "lost", d.describe(), "copy", path.Join(asideDir, name))
	return nil
}

// assess finds out what of the database is lost between the damage's keys.
func (r *repager) assess(d *damage, now int64) error {
	pages := []byte{prefixPage}
	d.health = bytes.Compare(d.lower, []byte{prefixIdentity}) < 0 && bytes.Compare(d.upper, []byte{prefixHealth}) > 0
	if bytes.Compare(d.lower, []byte{prefixBlock + 1}) >= 0 { // no blocks
		if d.health {
			d.from, d.to = r.state.floor, now
		}
		return nil
	}
	// A damaged block has requests up to the end of its hour.
	from, end := blockHour(d.lower, r.state.floor/hourMillis), blockHour(d.upper, now/hourMillis+25)+1
	if bytes.Compare(d.upper, pages) >= 0 { // the pages are as the blocks
		d.from, d.to = from*hourMillis, min(end*hourMillis, now)
		return nil
	}
	requests, first, last, err := r.missing(from, end)
	if err != nil {
		return err
	}
	d.known, d.requests, d.from, d.to = true, requests, first, last
	if d.health {
		d.from, d.to = r.state.floor, now
	}
	return nil
}

// blockHour returns the hour in the key of a block, or another one if it is not such.
func blockHour(key []byte, otherwise int64) int64 {
	if len(key) == len(keyBlock(0, 0)) && key[0] == prefixBlock {
		return blockStart(key) / hourMillis
	}
	return otherwise
}

// describe says in words what was lost.
func (d *damage) describe() string {
	const layout = "2006-01-02 15:04"
	span := time.UnixMilli(d.from).UTC().Format(layout) + " to " + time.UnixMilli(d.to).UTC().Format(layout)
	if d.from == 0 {
		span = "up to " + time.UnixMilli(d.to).UTC().Format(layout)
	}
	switch {
	case d.to == 0:
		return "nothing"
	case d.bytes > 0:
		return fmt.Sprintf("%d bytes of the journal, of requests from about %s", d.bytes, span)
	case d.known && d.health:
		return fmt.Sprintf("%d requests and results of health checks, %s", d.requests, span)
	case d.known:
		return fmt.Sprintf("%d requests, %s", d.requests, span)
	}
	if d.requests > 0 {
		return fmt.Sprintf("%d requests and perhaps more, %s", d.requests, span)
	}
	return "requests whose number is not known, " + span
}
