package hist

import (
	"errors"
	"math"
	"math/bits"
)

// ErrCorrupt is returned for bytes that no histogram encodes to.
var ErrCorrupt = errors.New("hist: corrupt histogram bytes")

// maxCount keeps the head of the byte form, count<<1 | s, within 64 bits.
const maxCount = math.MaxInt64

// Decode replaces h by the histogram at the start of b and returns how many
// bytes it took. On ErrCorrupt h is empty. It never allocates more than the
// 32 KiB that a histogram's buckets can need, twice on ErrCorrupt.
func (h *Histogram) Decode(b []byte) (int, error) {
	h.Reset()
	return h.MergeBinary(b)
}

// MergeBinary adds the histogram at the start of b to h, as Merge would, and
// returns how many bytes it took. ErrCorrupt, which is also for a sum of counts
// beyond 2^63 - 1, leaves in h what it held.
func (h *Histogram) MergeBinary(b []byte) (int, error) {
	r := reader{b: b}
	o, ok := r.header()
	if !ok || o.count > maxCount-h.count {
		return 0, ErrCorrupt
	}
	if o.drop > h.drop {
		return h.mergeCoarser(b, o.drop)
	}
	switch o.count {
	case 0:
		return r.at, nil
	case 2:
		h.RecordN(o.high, 1)
		fallthrough
	case 1:
		h.RecordN(o.low, 1)
		return r.at, nil
	}
	if o.count > o.zeros {
		by := h.drop - o.drop
		counts := h.cover(o.first>>by, o.last>>by)
		buckets := r.at
		if !r.addBuckets(counts, &o, by) {
			// Reading the same bytes again, up to where they went wrong,
			// gives what has to be taken back.
			partial := make([]uint64, len(counts))
			r = reader{b: b, at: buckets}
			r.addBuckets(partial, &o, by)
			for k, n := range partial {
				counts[k] -= n
			}
			return 0, ErrCorrupt
		}
	}
	h.zeros += o.zeros
	h.note(o.low, o.high, o.count)
	hi, lo := bits.Mul64(o.count, uint64(o.low))
	h.addSum(hi, lo)
	h.addSum(o.offHi, o.offLo)
	return r.at, nil
}

// mergeCoarser is MergeBinary for bytes of a scale below h's. Only bytes that
// prove sound may cost h its resolution, so they are decoded apart.
func (h *Histogram) mergeCoarser(b []byte, drop uint8) (int, error) {
	o := Histogram{drop: drop}
	n, err := o.MergeBinary(b)
	if err == nil {
		h.Merge(&o)
	}
	return n, err
}

// header is what the byte form says before the second bucket.
type header struct {
	count, zeros uint64
	low, high    int64
	offHi, offLo uint64 // sum - count*min
	first, last  int    // buckets at the form's own scale
	drop         uint8
}

// header reads all before the first bucket's count.
func (r *reader) header() (o header, ok bool) {
	head := r.uvarint()
	o.count = head >> 1
	if head&1 != 0 {
		scale := r.byte()
		if scale >= Scale {
			return o, false
		}
		o.drop = Scale - scale
	}
	if o.count == 0 {
		return o, !r.bad
	}
	low := r.uvarint()
	high := low
	if o.count > 1 {
		high += r.uvarint()
	}
	if r.bad || low > high || high > math.MaxInt64 {
		return o, false
	}
	o.low, o.high = int64(low), int64(high)
	if o.count <= 2 {
		return o, true
	}
	o.offHi, o.offLo = r.uvarint128()
	if r.bad || !sumInRange(o.offHi, o.offLo, o.count, high-low) {
		return o, false
	}
	if high > 0 {
		o.last = Index(o.high) >> o.drop
	}
	if low > 0 {
		o.first = Index(o.low) >> o.drop
		return o, true
	}
	return o, r.zeros(&o)
}

// zeros reads what only a histogram that holds zeros has.
func (r *reader) zeros(o *header) bool {
	zeros := r.uvarint()
	if r.bad || zeros >= o.count {
		return false
	}
	o.zeros = zeros + 1
	if o.high == 0 || o.zeros == o.count {
		return o.high == 0 && o.zeros == o.count
	}
	start := r.uvarint()
	if r.bad || start > uint64(o.last-minIndex) {
		return false
	}
	o.first = int(start) + minIndex
	return true
}

// sumInRange reports whether off can be the sum of count values' distances to the
// least of them, one of which is 0 and one of which is span.
func sumInRange(hi, lo, count, span uint64) bool {
	topHi, topLo := bits.Mul64(count-1, span)
	return (hi > 0 || lo >= span) && (hi < topHi || hi == topHi && lo <= topLo)
}

// tokens[c] is the meaning of byte c where a bucket is expected: in its low byte the
// distance to the bucket before and in its high byte the count; 0 if c does not say it
// alone. Looking it up spares a branch that nothing could predict.
var tokens = func() (t [256]uint16) {
	for c := range uint16(0x80) {
		switch {
		case c&1 == 0:
			t[c] = (c>>1+1)<<8 | 1
		case c>>1&3 != manyAfterGap:
			t[c] = (c>>1&3+1)<<8 | (c>>3 + 2)
		}
	}
	return t
}()

// addBuckets reads o's buckets and adds them to counts, the first of which is
// of bucket o.first>>by. It stops, false, where the bytes are not sound.
func (r *reader) addBuckets(counts []uint64, o *header, by uint8) bool {
	n := r.uvarint()
	left := int64(o.count - o.zeros)
	if r.bad || n >= uint64(left) {
		return false
	}
	// left may fall below 0 on the fast ways, by 2^13 a bucket; it stays there.
	left -= int64(n + 1)
	counts[0] += n + 1
	by &= 7
	b, at, i, base := r.b, r.at, o.first, o.first>>by
	for i < o.last {
		if at >= len(b) {
			return false
		}
		c := b[at]
		token := tokens[c]
		step, n := int(token&0xff), uint64(token>>8)
		switch {
		case token != 0:
			at++
		case c >= 0x80 && c&1 == 0 && at+1 < len(b) && b[at+1]-1 < 0x7f:
			// Two bytes for one of a crowd, what a busy series has most.
			step, n = 1, uint64(b[at+1])<<6+uint64(c&0x7f)>>1+1
			at += 2
		default:
			var ok bool
			if step, n, at, ok = wideBucket(b, at, o.last-i); !ok || left < 0 || n > uint64(left) {
				return false
			}
		}
		i += step
		k := uint(i>>by - base)
		if k >= uint(len(counts)) {
			return false
		}
		counts[k] += n
		left -= int64(n)
	}
	r.at = at
	return left == 0 && i == o.last
}

// wideBucket reads a bucket that takes more than a byte and lies at most far on.
func wideBucket(b []byte, at, far int) (step int, n uint64, next int, ok bool) {
	r := reader{b: b, at: at}
	x := r.uvarint()
	if x&1 == 0 {
		return 1, x>>1 + 1, r.at, !r.bad
	}
	n = x>>1&3 + 1
	if n > manyAfterGap {
		n += r.uvarint()
	}
	empty := x>>3 + 1
	return int(empty) + 1, n, r.at, !r.bad && n > x>>1&3 && empty < uint64(far)
}
