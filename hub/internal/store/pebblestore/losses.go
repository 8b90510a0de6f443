package pebblestore

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// closeDamages makes the pages of all open damages again and counts what is lost. Other
// damage that it meets is cut out first, and closed with them.
func (c *committer) closeDamages() {
	for {
		err := c.closeOpen()
		if c.engine.isDead() {
			return // the next engine has them, too
		}
		if !pebble.IsCorruptionError(err) || !c.cutOutMet() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.unclosed = nil; err != nil {
				c.unclosed = fmt.Errorf("what is lost is not known: %s", firstLineOf(err))
				c.logger.Error("the store is damaged; stop the hub and run kymo repair", "directory", c.dir, "error", firstLineOf(err))
			}
			return
		}
	}
}

// closeOpen closes the open damages, all at once.
func (c *committer) closeOpen() error {
	all := slices.Collect(maps.Values(c.damages))
	open := slices.DeleteFunc(slices.Clone(all), func(d *damage) bool { return !d.open })
	if len(open) == 0 {
		return nil
	}
	b := c.engine.db.NewIndexedBatch()
	r := repager{batch: b, state: c.state}
	now := c.now().UnixMilli()
	var losses []loss
	err := c.engine.attempt(func() (err error) {
		// What only pages have is counted before any page is made from what is left.
		if losses, err = r.account(all, openRanges(open), now); err != nil {
			return fmt.Errorf("count what is lost: %w", err)
		}
		for _, x := range openRanges(open) {
			if err := r.between(x.lower, x.upper); err != nil {
				return fmt.Errorf("make pages again: %w", err)
			}
		}
		for i := range losses {
			if err := losses[i].write(b); err != nil {
				return err
			}
		}
		return nil
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
	c.closed(losses)
	return nil
}

// closed notes what was lost.
func (c *committer) closed(losses []loss) {
	files, copies := strings.Join(c.spoilt, ", "), path.Join(asideDir, strings.Join(c.spoilt, ", "))
	c.spoilt = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range losses {
		l := &losses[i]
		for _, d := range l.parts {
			delete(c.damages, d.id)
			c.lostNow = slices.DeleteFunc(c.lostNow, func(other *damage) bool { return other == d })
		}
		if l.whole.to > 0 {
			c.damages[l.whole.id] = l.whole
			c.lostNow = append(c.lostNow, l.whole)
		}
		c.logger.Error("a file of the store is damaged; what cannot be read was cut out",
			"directory", c.dir, "file", files, "lost", l.whole.describe(), "copy", copies)
	}
}

// loss is what damages cost that are of the same hours. They become one, since what the pages
// of an hour have more than its blocks is what all of them took.
type loss struct {
	parts []*damage
	whole *damage // its to is 0 if nothing is lost
}

// write replaces the parts by the whole in the database.
func (l *loss) write(b *pebble.Batch) error {
	for _, d := range l.parts {
		if err := b.Delete(keyDamage(d.id), nil); err != nil {
			return err
		}
	}
	if l.whole.to == 0 {
		return nil
	}
	return b.Set(keyDamage(l.whole.id), l.whole.encode(), nil)
}

// keys returns the keys that a damage took, and whether it did: one of the journal did not.
func (d *damage) keys() (x keyRange, ok bool) {
	return keyRange{d.lower, d.upper}, d.open || len(d.lower)+len(d.upper) > 0
}

// openRanges returns the keys of damages, in order. Shorter pages come before the longer ones
// that are made from them.
func openRanges(open []*damage) (ranges []keyRange) {
	for _, d := range open {
		x, _ := d.keys()
		ranges = join(ranges, x)
	}
	return ranges
}

// account returns what the open ones of some damages cost. Of the hours whose pages are
// unpaged, it is not known how many requests they had.
func (r *repager) account(damages []*damage, unpaged []keyRange, now int64) ([]loss, error) {
	within := hours{r.state.floor / hourMillis, now/hourMillis + 25} // some may be of the next day
	reach := func(d *damage) (h hours) {
		if x, ok := d.keys(); ok {
			h = x.blocks(within).hull(x.pages())
		}
		return h
	}
	var losses []loss
	taken := make(map[*damage]bool)
	ordered := slices.SortedFunc(slices.Values(damages), func(a, b *damage) int { return bytes.Compare(a.lower, b.lower) })
	for _, d := range ordered {
		if !d.open || taken[d] {
			continue
		}
		taken[d] = true
		l, all := loss{parts: []*damage{d}}, reach(d)
		for more := true; more; {
			more = false
			for _, other := range ordered {
				if h := reach(other); !taken[other] && h.overlap(all) {
					taken[other], more = true, true
					l.parts, all = append(l.parts, other), all.hull(h)
				}
			}
		}
		if err := r.assess(&l, unpaged, within, now); err != nil {
			return nil, err
		}
		losses = append(losses, l)
	}
	return losses, nil
}

// assess finds out what the parts of a loss cost together.
func (r *repager) assess(l *loss, unpaged []keyRange, within hours, now int64) error {
	first := l.parts[0]
	d := &damage{id: first.id, known: true, lower: first.lower, upper: first.upper}
	var blocks hours
	before := uint64(0)
	vague := func(from, to int64) {
		if d.known || from < d.from {
			d.from = from
		}
		d.known, d.to = false, max(d.to, to, from+1)
	}
	for _, part := range l.parts {
		x, _ := part.keys()
		if bytes.Compare(x.lower, d.lower) < 0 {
			d.lower = x.lower
		}
		if d.upper != nil && (x.upper == nil || bytes.Compare(x.upper, d.upper) > 0) {
			d.upper = x.upper
		}
		d.health = d.health || part.health || part.open && x.touches(prefixHealth)
		if !part.open {
			before += part.requests
			if !part.known {
				vague(part.from, part.to)
			}
		}
		h := x.blocks(within)
		if blocks = blocks.hull(h); uncounted(unpaged, h) {
			vague(h.from*hourMillis, min(h.end*hourMillis, now))
		}
	}
	requests, from, to, err := r.missing(blocks.from, blocks.end)
	if err != nil {
		return err
	}
	if d.requests = max(requests, before); requests < before { // the pages do not have those that were lost before
		vague(blocks.from*hourMillis, min(blocks.end*hourMillis, now))
	}
	if requests > 0 && (d.to == 0 || from < d.from) {
		d.from = from
	}
	d.to = max(d.to, to)
	if d.health {
		d.from, d.to = r.state.floor, max(d.to, now)
	}
	l.whole = d
	return nil
}

// uncounted reports whether pages in some ranges may have counted the requests of hours.
// They need not be in the same file as the blocks.
func uncounted(unpaged []keyRange, h hours) bool {
	return slices.ContainsFunc(unpaged, func(x keyRange) bool { return x.pages().overlap(h) })
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
	}
	requests := "requests whose number is not known"
	if d.requests > 0 && !d.known {
		requests = fmt.Sprintf("%d requests and perhaps more", d.requests)
	} else if d.known {
		requests = fmt.Sprintf("%d requests", d.requests)
	}
	switch {
	case d.health && d.known && d.requests == 0:
		requests = "results of health checks"
	case d.health:
		requests += " and results of health checks"
	}
	return requests + ", " + span
}
