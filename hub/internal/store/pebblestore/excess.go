package pebblestore

import (
	"bytes"
	"errors"
	"sort"

	"github.com/cockroachdb/pebble/v2"
)

// excess is what is deleted to make the database smaller: the oldest blocks, and what is of
// their time.
type excess struct {
	floor  int64             // everything that started before is gone, Unix ms
	blocks pebble.KeyRange   // empty if there are none
	others []pebble.KeyRange // of pages and health results
	around []pebble.KeyRange // what is to be compacted for others
}

func (x *excess) isEmpty() bool { return x.blocks.Start == nil && len(x.others) == 0 }

// smallPart is the part of an excess, one in so many bytes, that is not worth a compaction. It
// is deleted when it has become more, or with what is too old.
const smallPart = 32

// excessFinder finds what to delete.
type excessFinder struct {
	engine *engine
	state  state
	health healthExtent

	oldest, newest []byte // keys of blocks; nil if there is none
}

func (e *engine) newExcessFinder(st *state) (c excessFinder, err error) {
	c = excessFinder{engine: e, state: *st}
	if c.health, err = e.healthExtent(); err != nil {
		return c, err
	}
	it, err := e.db.NewIter(prefixed(prefixBlock))
	if err != nil {
		return c, err
	}
	if it.First() {
		c.oldest = bytes.Clone(it.Key())
	}
	if it.Last() {
		c.newest = bytes.Clone(it.Key())
	}
	return c, errors.Join(it.Error(), it.Close())
}

// find returns an excess that frees about so many bytes, or all that it can. The last hour with
// any data stays, but for the blocks in it before the newest.
func (c *excessFinder) find(size int64) (found excess, err error) {
	first, last, ok := c.hours()
	if !ok {
		return excess{}, nil
	}
	// What is estimated of ranges without keys does not count.
	none, err := c.before(first)
	if err != nil {
		return excess{}, err
	}
	size += none
	// Between the hours whole ranges of keys can be measured, from the list of tables.
	n := sort.Search(int(last-first), func(i int) bool {
		freed, freedErr := c.before(first + 1 + int64(i))
		err = errors.Join(err, freedErr)
		return freed >= size
	})
	if err != nil {
		return excess{}, err
	}
	hour := first + int64(n)
	part, err := c.part(hour, size)
	if err != nil {
		return excess{}, err
	}
	floor, end, err := c.within(hour, part)
	if err != nil {
		return excess{}, err
	}
	if end == nil && hour < last {
		floor = (hour + 1) * hourMillis
	}
	return c.upTo(max(floor, c.state.floor), end, size)
}

// part returns how many bytes of the blocks of an hour have to be deleted to free so many
// bytes with all that is before them. The pages of the hour go with its blocks.
func (c *excessFinder) part(hour, size int64) (int64, error) {
	before, err := c.before(hour)
	after, afterErr := c.before(hour + 1)
	blocks, blocksErr := c.engine.db.EstimateDiskUsage(keyHour(hour), keyHour(hour+1))
	if err := errors.Join(err, afterErr, blocksErr); err != nil {
		return 0, err
	}
	return int64(float64(size-before) * float64(blocks) / float64(max(1, after-before))), nil
}

// hours returns the first and the last hour (Unix ms / 1 h) with anything to delete.
func (c *excessFinder) hours() (first, last int64, ok bool) {
	if c.health.to > 0 {
		first, last, ok = c.health.from/hourMillis, c.health.to/hourMillis, true
	}
	if c.oldest == nil {
		return first, last, ok
	}
	from, to := blockStart(c.oldest)/hourMillis, blockStart(c.newest)/hourMillis
	if !ok {
		return from, to, true
	}
	return min(first, from), max(last, to), true
}

// before returns how many bytes take what lies before an hour (Unix ms / 1 h).
func (c *excessFinder) before(hour int64) (size int64, err error) {
	st := c.state
	st.floor = hour * hourMillis
	spans, err := c.engine.before(&st, false)
	for _, span := range spans {
		part, partErr := c.engine.db.EstimateDiskUsage(span.Start, span.End)
		size, err = size+int64(part), errors.Join(err, partErr)
	}
	return size + int64(c.health.before(st.floor)), err
}

// within finds the place in an hour before which the blocks take at least so many bytes.
// It returns the instant up to which requests are lost with them, and the key of the first
// block that stays, or nil if none of the hour does.
//
// Blocks of different flushes overlap by the time that requests were under way. Those
// that begin before the instant and go beyond it stay until they are wholly before it.
func (c *excessFinder) within(hour, size int64) (floor int64, end []byte, err error) {
	floor = hour * hourMillis
	it, err := c.engine.db.NewIter(&pebble.IterOptions{LowerBound: keyHour(hour), UpperBound: keyHour(hour + 1)})
	if err != nil {
		return 0, nil, err
	}
	for more := it.First(); more; more = it.Next() {
		if size <= 0 || bytes.Equal(it.Key(), c.newest) {
			return floor, bytes.Clone(it.Key()), it.Close()
		}
		block, err := it.ValueAndErr()
		if err != nil {
			return 0, nil, errors.Join(err, it.Close())
		}
		last, ok := blockLast(block)
		if !ok {
			last = blockStart(it.Key()) // nothing of it can be read
		}
		floor = max(floor, last+1)
		size -= int64(len(block))
	}
	return floor, nil, errors.Join(it.Error(), it.Close())
}

// upTo returns the excess of what is before a floor: blocks up to the key end, if that is
// known, and of the rest what is worth it for freeing so many bytes.
func (c *excessFinder) upTo(floor int64, end []byte, size int64) (found excess, err error) {
	found.floor = floor
	st := c.state
	st.floor = floor
	spans, err := c.engine.before(&st, false)
	if err != nil {
		return excess{}, err
	}
	for _, span := range spans {
		if span.Start[0] == prefixBlock {
			if bytes.Compare(end, span.End) > 0 {
				span.End = end
			}
			there, err := c.engine.any(span)
			if err != nil {
				return excess{}, err
			}
			if there {
				found.blocks = span
			}
			continue
		}
		part, err := c.engine.db.EstimateDiskUsage(span.Start, span.End)
		if err != nil {
			return excess{}, err
		}
		there, err := c.engine.any(span)
		if err != nil {
			return excess{}, err
		}
		if there && int64(part) >= size/smallPart {
			found.others, found.around = append(found.others, span), append(found.around, span)
		}
	}
	if old := int64(c.health.before(floor)); old > 0 && old >= size/smallPart {
		results, err := c.engine.healthBefore(floor)
		if err != nil {
			return excess{}, err
		}
		if len(results) > 0 {
			found.others = append(found.others, results...)
			found.around = append(found.around, pebble.KeyRange{Start: []byte{prefixHealth}, End: []byte{prefixHealth + 1}})
		}
	}
	return found, nil
}

// any reports whether there is any key in a range.
func (e *engine) any(span pebble.KeyRange) (bool, error) {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: span.Start, UpperBound: span.End})
	if err != nil {
		return false, err
	}
	found := it.First()
	return found, errors.Join(it.Error(), it.Close())
}
