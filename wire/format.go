package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Version is the version of the byte format that AppendBinary writes. Decode
// reads this one and all before it; there are none yet.
const Version = 1

// ContentType is the media type of an encoded batch.
const ContentType = "application/vnd.kymo.batch"

// The byte format, version 1. A number is an unsigned varint (encoding/binary)
// unless said otherwise; a text is its length in bytes and then the bytes.
//
//	magic      the 4 bytes "KYMB"
//	version    1 byte
//	instance   text
//	sequence   number
//	texts      count, then that many texts: what the parts below refer to by place
//	keys       count, then for each: service, endpoint, method (places in texts), status
//	users      count, then for each after the first, which is "": its place in texts
//	drops      count, then for each: service (place in texts), at, count
//	rows       n, the number of requests; then seven columns of n values each:
//	  key        places in keys
//	  user       places in users
//	  start      the first as it is, the others as zigzag difference to the one before
//	  duration   as it is
//	  first byte 0 if not measured, else duration - first byte + 1
//	  lifetime   as it is
//	  size       as it is
//
// A column is one byte for its form and then
//
//	form 0   nothing: every value is 0
//	form 1   n numbers
//
// and nothing may follow the last column. Places out of range, counts beyond
// limits.go or beyond what the remaining bytes can hold, and values outside
// the limits make the whole batch invalid.

const magic = "KYMB"

const (
	formZero    = 0
	formNumbers = 1
)

// ErrMalformed is what every error of Decode wraps, or a *FieldError.
var ErrMalformed = errors.New("malformed batch")

// AppendBinary appends the batch's byte form, which must be valid, to dst.
func (b *Batch) AppendBinary(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = append(dst, Version)
	dst = appendText(dst, b.Instance)
	dst = binary.AppendUvarint(dst, b.Sequence)
	dst = b.appendDictionaries(dst)

	n := b.Len()
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = appendColumn(dst, n, func(i int) uint64 { return uint64(b.Key[i]) })
	dst = appendColumn(dst, n, func(i int) uint64 { return uint64(b.User[i]) })
	previous := int64(0)
	dst = appendColumn(dst, n, func(i int) uint64 {
		d := b.Start[i] - previous
		previous = b.Start[i]
		if i == 0 {
			return uint64(d)
		}
		return uint64(d<<1) ^ uint64(d>>63)
	})
	dst = appendColumn(dst, n, func(i int) uint64 { return uint64(b.Duration[i]) })
	dst = appendColumn(dst, n, func(i int) uint64 {
		if b.FirstByte[i] == 0 {
			return 0
		}
		return uint64(b.Duration[i]-b.FirstByte[i]) + 1
	})
	dst = appendColumn(dst, n, func(i int) uint64 { return uint64(b.Lifetime[i]) })
	return appendColumn(dst, n, func(i int) uint64 { return uint64(b.Size[i]) })
}

func (b *Batch) appendDictionaries(dst []byte) []byte {
	places := make(map[string]uint64)
	var texts []string
	place := func(s string) uint64 {
		p, ok := places[s]
		if !ok {
			p = uint64(len(texts))
			places[s] = p
			texts = append(texts, s)
		}
		return p
	}
	var refs []byte
	refs = binary.AppendUvarint(refs, uint64(len(b.Keys)))
	for i := range b.Keys {
		k := &b.Keys[i]
		refs = binary.AppendUvarint(refs, place(k.Service))
		refs = binary.AppendUvarint(refs, place(k.Endpoint))
		refs = binary.AppendUvarint(refs, place(k.Method))
		refs = binary.AppendUvarint(refs, uint64(k.Status))
	}
	refs = binary.AppendUvarint(refs, uint64(len(b.Users)))
	for i := 1; i < len(b.Users); i++ {
		refs = binary.AppendUvarint(refs, place(b.Users[i]))
	}
	refs = binary.AppendUvarint(refs, uint64(len(b.Drops)))
	for _, d := range b.Drops {
		refs = binary.AppendUvarint(refs, place(d.Service))
		refs = binary.AppendUvarint(refs, uint64(d.At))
		refs = binary.AppendUvarint(refs, d.Count)
	}
	dst = binary.AppendUvarint(dst, uint64(len(texts)))
	for _, s := range texts {
		dst = appendText(dst, s)
	}
	return append(dst, refs...)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// appendColumn writes the zero form if no value turns out to differ from 0.
// value is called once for each row, in order.
func appendColumn(dst []byte, n int, value func(i int) uint64) []byte {
	start := len(dst)
	dst = append(dst, formNumbers)
	any := uint64(0)
	for i := range n {
		v := value(i)
		any |= v
		dst = binary.AppendUvarint(dst, v)
	}
	if any == 0 {
		return append(dst[:start], formZero)
	}
	return dst
}

// Decode replaces b by the batch in data, reusing b's memory but keeping no
// reference to data. The batch is then valid; after an error, which wraps
// ErrMalformed or is a *FieldError, it is empty. No more memory is allocated
// than a small multiple of len(data).
func Decode(data []byte, b *Batch) error {
	b.Reset()
	if err := decode(data, b); err != nil {
		b.Reset()
		return err
	}
	return nil
}

func decode(data []byte, b *Batch) error {
	if len(data) > MaxBytes {
		return fmt.Errorf("%w: %d bytes; at most %d", ErrMalformed, len(data), MaxBytes)
	}
	if len(data) < len(magic)+1 || string(data[:len(magic)]) != magic {
		return fmt.Errorf("%w: it does not start with %q", ErrMalformed, magic)
	}
	if v := data[len(magic)]; v != Version {
		return fmt.Errorf("%w: version %d; this program reads %d", ErrMalformed, v, Version)
	}
	r := reader{b: data, at: len(magic) + 1}
	b.Instance = r.text(MaxInstance)
	b.Sequence = r.number(math.MaxUint64)
	r.dictionaries(b)
	r.rows(b)
	if r.at != len(data) {
		r.fail("bytes after the end")
	}
	if r.err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, r.err)
	}
	return b.Validate()
}

// reader takes the parts off a batch's bytes. After the first error it returns zeros.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d: %s", r.at, what)
		r.at = len(r.b)
	}
}

func (r *reader) number(limit uint64) uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 || v > limit {
		r.fail("number cut short or out of range")
		return 0
	}
	r.at += n
	return v
}

// count reads how many items follow, each of which takes at least size bytes.
func (r *reader) count(limit, size int) int {
	n := r.number(uint64(limit))
	if n > uint64((len(r.b)-r.at)/size) {
		r.fail("count of more than the remaining bytes can hold")
		return 0
	}
	return int(n)
}

func (r *reader) text(limit int) string {
	n := r.count(limit, 1)
	s := string(r.b[r.at : r.at+n])
	r.at += n
	return s
}

func (r *reader) dictionaries(b *Batch) {
	const longest = max(MaxService, MaxEndpoint, MaxMethod, MaxUser)
	texts := make([]string, r.count(MaxBytes, 1))
	for i := range texts {
		texts[i] = r.text(longest)
	}
	place := func() string {
		p := r.number(math.MaxUint32)
		if p >= uint64(len(texts)) {
			r.fail("reference to a text that is not there")
			return ""
		}
		return texts[p]
	}
	for range r.count(MaxRequests, 4) {
		b.Keys = append(b.Keys, Key{place(), place(), place(), int(r.number(math.MaxUint16))})
	}
	users := int(r.number(MaxRequests + 1))
	if users == 0 || users-1 > len(r.b)-r.at {
		r.fail("count of users is out of range")
	}
	b.Users = append(b.Users, "")
	for i := 1; i < users && r.err == nil; i++ {
		b.Users = append(b.Users, place())
	}
	for range r.count(MaxDrops, 3) {
		b.Drops = append(b.Drops, Drop{place(), int64(r.number(math.MaxInt64)), r.number(math.MaxUint64)})
	}
}

func (r *reader) rows(b *Batch) {
	// A row takes a byte at least: columns of zeros take none, so their number
	// is bounded by MaxRequests alone.
	n := int(r.number(MaxRequests))
	if r.err != nil {
		return
	}
	b.Key = column(r, b.Key, n)
	b.User = column(r, b.User, n)
	b.Start = column(r, b.Start, n)
	b.Duration = column(r, b.Duration, n)
	b.FirstByte = column(r, b.FirstByte, n)
	b.Lifetime = column(r, b.Lifetime, n)
	b.Size = column(r, b.Size, n)
	if r.err != nil {
		return
	}
	for i := 1; i < n; i++ {
		d := uint64(b.Start[i])
		b.Start[i] = b.Start[i-1] + (int64(d>>1) ^ -int64(d&1))
	}
	for i, v := range b.FirstByte {
		if v != 0 {
			b.FirstByte[i] = b.Duration[i] - v + 1
		}
	}
}

// column reads n values into memory that it takes over from column.
func column[T uint32 | int64](r *reader, column []T, n int) []T {
	if cap(column) < n {
		column = make([]T, n)
	}
	column = column[:n]
	if r.err != nil || r.at >= len(r.b) {
		r.fail("column is missing")
		return column[:0]
	}
	form := r.b[r.at]
	r.at++
	switch form {
	case formZero:
		clear(column)
		return column
	case formNumbers:
	default:
		r.fail("column has an unknown form")
		return column[:0]
	}
	if n > len(r.b)-r.at {
		r.fail("column is cut short")
		return column[:0]
	}
	data, at := r.b, r.at
	for i := range column {
		if at < len(data) && data[at] < 0x80 {
			column[i] = T(data[at])
			at++
			continue
		}
		v, size := binary.Uvarint(data[at:])
		if size <= 0 || uint64(T(v)) != v {
			r.at = at
			r.fail("number cut short or out of range")
			return column[:0]
		}
		column[i] = T(v)
		at += size
	}
	r.at = at
	return column
}
