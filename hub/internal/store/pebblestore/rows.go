package pebblestore

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// rows are requests as columns, of memory or of a block. Series are numbered
// as in the store; users, processes and classes of errors as in the rows' own lists.
type rows struct {
	start     []int64
	series    []uint32
	duration  []int64
	firstByte []int64
	lifetime  []int64
	size      []int64
	user      []uint32
	process   []uint32
	// Columns that few rows have. What is beyond their end has no error, and no trace.
	class []uint32
	trace []wire.TraceID

	users     []string
	processes []string // as processText writes them
	classes   []string
	drops     []drop
}

// processText writes a process as one text: the instance and, if there is one, a zero byte,
// which no name has, and the version.
func processText(p wire.Process) string {
	if p.Version == "" {
		return p.Instance
	}
	return p.Instance + "\x00" + p.Version
}

func processOf(text string) (p wire.Process) {
	p.Instance, p.Version, _ = strings.Cut(text, "\x00")
	return p
}

// drop is a count of dropped requests, under the series that stands for them.
type drop struct {
	series uint32
	at     int64
	count  uint64
}

func (r *rows) len() int { return len(r.start) }

// grow makes room for n more rows and returns the place of the first.
func (r *rows) grow(n int) int {
	at := r.len()
	r.start = slices.Grow(r.start, n)[:at+n]
	r.series = slices.Grow(r.series, n)[:at+n]
	r.duration = slices.Grow(r.duration, n)[:at+n]
	r.firstByte = slices.Grow(r.firstByte, n)[:at+n]
	r.lifetime = slices.Grow(r.lifetime, n)[:at+n]
	r.size = slices.Grow(r.size, n)[:at+n]
	r.user = slices.Grow(r.user, n)[:at+n]
	r.process = slices.Grow(r.process, n)[:at+n]
	return at
}

// truncate removes every row and keeps the capacity.
func (r *rows) truncate() {
	r.start, r.series, r.duration, r.firstByte = r.start[:0], r.series[:0], r.duration[:0], r.firstByte[:0]
	r.lifetime, r.size, r.user, r.process = r.lifetime[:0], r.size[:0], r.user[:0], r.process[:0]
	r.class, r.trace = r.class[:0], r.trace[:0]
}

// record returns row i.
func (r *rows) record(i int, keys []rollup.Key) store.Record {
	record := store.Record{
		Key:       keys[r.series[i]],
		Process:   processOf(r.processes[r.process[i]]),
		User:      r.users[r.user[i]],
		Start:     r.start[i],
		Duration:  toDuration(r.duration[i]),
		FirstByte: toDuration(r.firstByte[i]),
		Lifetime:  toDuration(r.lifetime[i]),
		Size:      r.size[i],
	}
	if i < len(r.class) {
		record.Error = r.classes[r.class[i]]
	}
	if i < len(r.trace) {
		record.Trace = r.trace[i]
	}
	return record
}

// gather replaces r by the rows of from at the places in order. It shares the lists.
func (r *rows) gather(from *rows, order []uint32) {
	pick64 := func(dst, src []int64) []int64 {
		dst = resize(dst, len(order))
		for k, i := range order {
			dst[k] = src[i]
		}
		return dst
	}
	pick32 := func(dst, src []uint32) []uint32 {
		dst = resize(dst, len(order))
		for k, i := range order {
			dst[k] = src[i]
		}
		return dst
	}
	r.start = pick64(r.start, from.start)
	r.series = pick32(r.series, from.series)
	r.duration = pick64(r.duration, from.duration)
	r.firstByte = pick64(r.firstByte, from.firstByte)
	r.lifetime = pick64(r.lifetime, from.lifetime)
	r.size = pick64(r.size, from.size)
	r.user = pick32(r.user, from.user)
	r.process = pick32(r.process, from.process)
	r.class, r.trace = pickFew(r.class, from.class, order), pickFew(r.trace, from.trace, order)
	r.users, r.processes, r.classes, r.drops = from.users, from.processes, from.classes, from.drops
}

// pickFew picks of a column that few rows have.
func pickFew[T any](dst, src []T, order []uint32) []T {
	dst = dst[:0]
	if len(src) == 0 {
		return dst
	}
	for _, i := range order {
		var value T
		if int(i) < len(src) {
			value = src[i]
		}
		dst = append(dst, value)
	}
	return dst
}

// padded extends such a column to n rows.
func padded[T any](column []T, n int) []T {
	had := len(column)
	column = slices.Grow(column, n-had)[:n]
	clear(column[had:])
	return column
}

// inParts returns the places of the rows in each of the n parts into which the
// multiples of step cut the window.
func (r *rows) inParts(w rollup.Window, step int64, n int) [][]uint32 {
	first := rollup.StepOf(w.From, step)
	counts := make([]int, n)
	for _, start := range r.start {
		if w.Contains(start) {
			counts[(start-first)/step]++
		}
	}
	parts := make([][]uint32, n)
	for i, count := range counts {
		parts[i] = make([]uint32, 0, count)
	}
	for i, start := range r.start {
		if w.Contains(start) {
			at := (start - first) / step
			parts[at] = append(parts[at], uint32(i))
		}
	}
	return parts
}

// byStart returns the places of the starts in their order, stably.
func byStart(start []int64) []uint32 {
	n := len(start)
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	if slices.IsSorted(start) {
		return order
	}
	least := slices.Min(start)
	span := uint64(slices.Max(start) - least)
	// A radix sort, 11 bits at a time: rows of one minute take two passes, instead of
	// some 17 comparisons a row.
	const digit = 11
	spare := make([]uint32, n)
	var counts [1 << digit]uint32
	for shift := 0; shift < bits.Len64(span); shift += digit {
		clear(counts[:])
		for _, s := range start {
			counts[uint64(s-least)>>shift&(1<<digit-1)]++
		}
		sum := uint32(0)
		for d, c := range counts {
			counts[d] = sum
			sum += c
		}
		for _, i := range order {
			d := uint64(start[i]-least) >> shift & (1<<digit - 1)
			spare[counts[d]] = i
			counts[d]++
		}
		order, spare = spare, order
	}
	return order
}
