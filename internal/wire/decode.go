package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Decode replaces b by the batch in data, reusing b's memory but keeping no
// reference to data. The batch is then valid; after an error, which wraps
// ErrMalformed or is a *FieldError, it is empty.
//
// The batch's texts share a few strings: strings.Clone what outlives the batch.
//
// The memory allocated is a small multiple of len(data), and up to 5.75 MiB for
// the columns on top of it: 256 zeros in a column take one byte, so that 2 KiB
// of data can hold MaxRequests rows.
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
	version := data[len(magic)]
	if version < 1 || version > Version {
		return fmt.Errorf("%w: version %d; this program reads 1 to %d", ErrMalformed, version, Version)
	}
	r := reader{b: data, at: len(magic) + 1}
	b.Instance = string(r.bytes(r.count(MaxInstance, 1)))
	b.Sequence = r.number(math.MaxUint64)
	r.dictionaries(b)
	r.rows(b)
	if version >= 2 {
		r.health(b)
	}
	if version >= 3 {
		b.Version = r.text(MaxVersion)
		r.errors(b)
	}
	if version >= 4 {
		r.reasons(b)
	}
	if version >= 5 {
		r.parts(b)
	}
	if r.err == nil && r.at != len(data) {
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

func (r *reader) bytes(n int) []byte {
	r.at += n
	return r.b[r.at-n : r.at]
}

// list appends a list's texts, each of at most longest bytes and all part of
// one string, to texts.
func (r *reader) list(texts []string, limit, longest int) []string {
	n := r.count(limit, 1)
	lengths, total := r.at, 0
	for range n {
		total += int(r.number(uint64(longest)))
	}
	if total > len(r.b)-r.at {
		r.fail("texts are cut short")
	}
	if r.err != nil {
		return texts
	}
	all := string(r.bytes(total))
	texts = slices.Grow(texts, n)
	again := reader{b: r.b, at: lengths}
	for range n {
		length := again.number(math.MaxUint64)
		texts = append(texts, all[:length])
		all = all[length:]
	}
	return texts
}

func (r *reader) dictionaries(b *Batch) {
	texts := r.list(nil, maxTexts, max(MaxService, MaxEndpoint, MaxMethod))
	place := func() string {
		p := r.number(math.MaxUint32)
		if p >= uint64(len(texts)) {
			r.fail("reference to a text that is not there")
			return ""
		}
		return texts[p]
	}
	keys := r.count(MaxRequests, 4)
	b.Keys = slices.Grow(b.Keys, keys)
	for range keys {
		b.Keys = append(b.Keys, Key{place(), place(), place(), int(r.number(math.MaxUint16))})
	}
	b.Users = r.list(append(b.Users, ""), MaxRequests, MaxUser)
	for range r.count(MaxDrops, 3) {
		b.Drops = append(b.Drops, Drop{Service: place(), At: int64(r.number(math.MaxInt64)), Count: r.number(math.MaxUint64)})
	}
}

func (r *reader) rows(b *Batch) {
	n := int(r.number(MaxRequests))
	origin := int64(0)
	if n > 0 {
		origin = int64(r.number(MaxStart))
	}
	b.Key = column(r, b.Key, n, 4)
	b.User = column(r, b.User, n, 4)
	b.Start = column(r, b.Start, n, 8)
	b.Duration = column(r, b.Duration, n, 8)
	b.FirstByte = column(r, b.FirstByte, n, 8)
	b.Lifetime = column(r, b.Lifetime, n, 8)
	b.Size = column(r, b.Size, n, 8)
	if r.err != nil {
		return
	}
	start := origin
	for i, d := range b.Start {
		start += int64(uint64(d)>>1) ^ -(d & 1)
		b.Start[i] = start
	}
	duration := b.Duration[:len(b.FirstByte)]
	for i, v := range b.FirstByte {
		first := duration[i] - v + 1
		if v == 0 {
			first = 0
		}
		b.FirstByte[i] = first
	}
}

func (r *reader) errors(b *Batch) {
	b.Errors = r.list(append(b.Errors, ""), MaxRequests, MaxError)
	if len(b.Errors) == 1 {
		b.Errors = b.Errors[:0]
		return
	}
	b.Error = column(r, b.Error, b.Len(), 4)
}

func (r *reader) reasons(b *Batch) {
	if len(b.Drops) > len(r.b)-r.at {
		r.fail("reasons are cut short")
		return
	}
	for i, reason := range r.bytes(len(b.Drops)) {
		if DropReason(reason) < DropReasons {
			b.Drops[i].Reason = DropReason(reason)
		}
	}
}

func (r *reader) parts(b *Batch) {
	parts := r.number(math.MaxUint64)
	if parts&^partsKnown != 0 {
		r.fail("a part that this program does not know")
	}
	if parts&partProcesses != 0 {
		r.processes(b)
	}
	if parts&partTraces != 0 {
		r.traces(b)
	}
}

func (r *reader) processes(b *Batch) {
	instances := r.list(nil, MaxRequests, MaxInstance)
	versions := r.list(nil, MaxRequests, MaxVersion)
	if len(instances) != len(versions) || len(instances) == 0 {
		r.fail("processes are none, or without an instance or a version")
		return
	}
	b.Processes = append(b.Processes, Process{})
	for i := range instances {
		b.Processes = append(b.Processes, Process{instances[i], versions[i]})
	}
	b.Process = column(r, b.Process, b.Len(), 4)
}

func (r *reader) traces(b *Batch) {
	upper, lower := column[int64](r, nil, b.Len(), 8), column[int64](r, nil, b.Len(), 8)
	if r.err != nil {
		return
	}
	b.Traces = zeros(b.Traces[:0], b.Len())
	for i := range b.Traces {
		binary.BigEndian.PutUint64(b.Traces[i][:8], uint64(upper[i]))
		binary.BigEndian.PutUint64(b.Traces[i][8:], uint64(lower[i]))
	}
}

// column reads n values, of at most widest bytes each, into memory that it
// takes over from column.
func column[T uint32 | int64](r *reader, column []T, n, widest int) []T {
	if pieces := (n + pieceLen - 1) / pieceLen; pieces > len(r.b)-r.at {
		r.fail("column is cut short")
		return column[:0]
	}
	if cap(column) < n {
		column = make([]T, n)
	}
	column = column[:n]
	for from := 0; from < n; from += pieceLen {
		values := column[from:min(from+pieceLen, n)]
		if r.at >= len(r.b) {
			r.fail("column is cut short")
			return column[:0]
		}
		width := int(r.b[r.at])
		if width > widest {
			r.fail("column is too wide")
			return column[:0]
		}
		r.at++
		if width*len(values) > len(r.b)-r.at {
			r.fail("column is cut short")
			return column[:0]
		}
		piece(values, r.b[r.at:], width)
		r.at += width * len(values)
	}
	return column
}

// piece fills values from data, width bytes each, which data is long enough for.
func piece[T uint32 | int64](values []T, data []byte, width int) {
	if width == 0 {
		clear(values)
		return
	}
	unused := 64 - 8*uint(width)
	i := 0
	for ; i < len(values) && len(data) >= 8; i++ {
		values[i] = T(binary.LittleEndian.Uint64(data) << unused >> unused)
		data = data[width:]
	}
	// The last values of the last column are nearer to the end than 8 bytes.
	for ; i < len(values); i++ {
		var last [8]byte
		copy(last[:], data[:width])
		values[i] = T(binary.LittleEndian.Uint64(last[:]))
		data = data[width:]
	}
}
