package pebblestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/kymohq/kymo/internal/wire"
)

// cut replaces the keys in the ranges by their known parts: the blocks and results that can
// be read of the tables, and what is in memory. The pages are made again afterwards, even if
// the process ends in between: the ranges are remembered as open damage until then.
func (c *committer) cut(tables []liveTable, ranges []keyRange) error {
	b := c.engine.db.NewBatch()
	for _, x := range ranges {
		d := &damage{id: uint64(c.now().UnixNano()), open: true, from: c.state.floor, to: c.now().UnixMilli(), lower: x.lower, upper: x.upper}
		for c.damages[d.id] != nil {
			d.id++
		}
		if err := b.Set(keyDamage(d.id), d.encode(), nil); err != nil {
			return err
		}
		c.note(d)
	}
	if err := c.engine.apply(b); err != nil {
		return err
	}
	if err := c.engine.flush(); err != nil {
		return err
	}
	for _, x := range ranges {
		if err := c.replaceKeys(tables, x); err != nil {
			return fmt.Errorf("cut out what is damaged: %w", err)
		}
	}
	return nil
}

func (c *committer) replaceKeys(tables []liveTable, x keyRange) error {
	kept, err := c.keptElsewhere(tables, x)
	if err != nil {
		return err
	}
	span := pebble.KeyRange{Start: x.lower, End: x.upper}
	if len(kept) == 0 {
		return c.engine.attempt(func() error { return c.engine.db.Excise(context.Background(), span) })
	}
	draft := path.Join(c.dir, "kept.sst")
	if err := c.writeTable(draft, kept); err != nil {
		return err
	}
	err = c.engine.attempt(func() error {
		_, err := c.engine.db.IngestAndExcise(context.Background(), []string{draft}, nil, nil, span)
		return err
	})
	if err != nil {
		_ = c.fs.Remove(draft)
	}
	return err
}

// note keeps a damage in memory.
func (c *committer) note(d *damage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.damages[d.id] = d
}

// keptElsewhere returns the keys of a range with their values, pages left out.
func (c *committer) keptElsewhere(tables []liveTable, x keyRange) (map[string][]byte, error) {
	kept := make(map[string][]byte)
	add := func(key, value []byte) {
		if x.contains(key) {
			kept[string(key)] = bytes.Clone(value)
		}
	}
	for _, t := range tables {
		if !x.overlaps(keyRange{t.first, t.end}) {
			continue
		}
		from, end := t.first, t.end
		if bytes.Compare(from, x.lower) < 0 {
			from = x.lower
		}
		if bytes.Compare(end, x.upper) > 0 {
			end = x.upper
		}
		file, err := openTable(c.fs, path.Join(c.dir, databaseDir, t.file))
		if isDamage(err) {
			continue // all of it is in the range
		}
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
	if now := c.reckoned.Load(); now != 0 {
		add(keyReckoned, binary.AppendVarint(nil, now))
	}
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
		// One that begins before a floor within its hour can extend beyond it.
		return len(key) == len(keyBlock(0, 0)) && blockStart(key)/hourMillis >= s.floor/hourMillis
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
