package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/cockroachdb/pebble/v2"
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
// that is possible, and the rest is counted as lost (losses.go).
func (c *committer) mend(name string) {
	if c.failed == nil {
		c.mending(func() {
			c.cutOutMet(name)
			c.closeDamages()
		})
	}
}

// finishMending closes the damages that another engine or process was about to close.
func (c *committer) finishMending() { c.mending(c.closeDamages) }

// mending runs f, which cuts and changes pages, without compactions: they would remove files
// that f reads.
func (c *committer) mending(f func()) {
	c.engine.compact.pause()
	defer c.engine.compact.resume()
	_ = c.engine.totals.rewrite(func() error {
		f()
		return nil
	})
}

// cutOutMet cuts out what was met so far, of the given files and others, and reports whether
// there was any. A file that was met several times is read once.
func (c *committer) cutOutMet(names ...string) (spoilt bool) {
	for more := true; more; {
		select {
		case name := <-c.engine.damaged:
			names = append(names, name)
		default:
			more = false
		}
	}
	for i := range names {
		names[i] = path.Base(names[i])
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !c.hopeless[name] {
			spoilt = c.cutOut(name) || spoilt
		}
	}
	return spoilt
}

// cutOut cuts out all that cannot be read of a file, and reports whether there was any.
func (c *committer) cutOut(name string) bool {
	live, spoilt, err := c.cutOutFile(name)
	switch {
	case c.engine.isDead():
		return false // the next engine finds it, too
	case err != nil:
		c.giveUp(name, err)
	case spoilt || !live:
		delete(c.suspected, name)
	case c.suspected[name] > 2:
		c.giveUp(name, errors.New("its damage is not in its data"))
	default:
		c.suspected[name]++ // its reader may have been told by what another one read
	}
	return spoilt && err == nil
}

// giveUp notes damage that cannot be cut out while the store is open.
func (c *committer) giveUp(name string, err error) {
	c.hopeless[name] = true
	line := firstLineOf(err)
	c.logger.Error("a file of the store is damaged; stop the hub and run kymo repair", "directory", c.dir, "file", name, "error", line)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unmended = fmt.Errorf("%s: %s", name, line)
}

func (c *committer) cutOutFile(name string) (live, spoilt bool, err error) {
	if err := c.settle(); err != nil {
		return false, false, err
	}
	release, err := c.engine.pin()
	if err != nil {
		return false, false, err
	}
	defer release()
	tables, err := c.engine.liveTables()
	if err != nil {
		return false, false, err
	}
	live = slices.ContainsFunc(tables, func(t liveTable) bool { return t.file == name })
	ranges, files, err := c.damaged(name, tables)
	if err != nil || len(ranges) == 0 {
		return live, false, err
	}
	for _, file := range files {
		c.keepAside(file)
		c.spoilt = append(c.spoilt, file)
	}
	return live, true, c.cut(tables, ranges)
}

// pin keeps Pebble from removing files until release is called.
func (e *engine) pin() (release func(), err error) {
	var it *pebble.Iterator
	err = e.attempt(func() (err error) {
		it, err = e.db.NewIter(nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func() { _ = e.attempt(it.Close) }, nil
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

// damaged returns the ranges of keys that cannot be read of a file, and of the tables that
// share keys with them: these would be read while the ranges are cut out. It returns the
// files, too.
func (c *committer) damaged(name string, tables []liveTable) (ranges []keyRange, files []string, err error) {
	scanned := make([]bool, len(tables))
	for more := true; more; {
		more = false
		for i, t := range tables {
			span := keyRange{t.first, t.end}
			if scanned[i] || t.file != name && !slices.ContainsFunc(ranges, span.overlaps) {
				continue
			}
			scanned[i], more = true, true
			holes, err := c.holes(t)
			if err != nil {
				return nil, nil, err
			}
			for _, h := range holes {
				ranges = join(ranges, h.within(t))
			}
			if len(holes) > 0 && !slices.Contains(files, t.file) {
				files = append(files, t.file)
			}
		}
	}
	return ranges, files, nil
}

// within returns the keys of a table that are cut out for a hole. The keys on both sides of
// the damage go, too, and are written back: what is left of the file would otherwise begin
// beside the damage, and its reader backwards would meet that.
func (h hole) within(t liveTable) keyRange {
	x := keyRange{t.first, t.end}
	if h.last != nil {
		x.lower = h.last
	}
	if h.next != nil {
		x.upper = append(bytes.Clone(h.next), 0)
	}
	return x
}

// holes returns what cannot be read of a table: all of it if it cannot be opened.
func (c *committer) holes(t liveTable) ([]hole, error) {
	file, err := openTable(c.fs, path.Join(c.dir, databaseDir, t.file))
	if isDamage(err) {
		return []hole{{}}, nil
	}
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
