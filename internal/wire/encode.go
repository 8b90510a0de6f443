package wire

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// AppendBinary appends the batch's byte form, which must be valid, to dst.
//
// Decode refuses a form of more than MaxBytes, which a batch within all other
// limits can reach with tens of thousands of long texts.
func (b *Batch) AppendBinary(dst []byte) []byte {
	dst = append(dst, magic...)
	version := b.minVersion()
	dst = append(dst, version)
	dst = append(binary.AppendUvarint(dst, uint64(len(b.Instance))), b.Instance...)
	dst = binary.AppendUvarint(dst, b.Sequence)
	dst = b.appendDictionaries(dst)

	n := b.Len()
	dst = binary.AppendUvarint(dst, uint64(n))
	if n > 0 {
		dst = binary.AppendUvarint(dst, uint64(b.Start[0]))
	}
	dst = appendColumn(dst, n, func(values []uint64, from int) {
		widen(values, b.Key[from:])
	})
	dst = appendColumn(dst, n, func(values []uint64, from int) {
		widen(values, b.User[from:])
	})
	dst = appendColumn(dst, n, b.startDifferences)
	dst = appendColumn(dst, n, func(values []uint64, from int) {
		widen(values, b.Duration[from:])
	})
	dst = appendColumn(dst, n, b.afterFirstByte)
	dst = appendColumn(dst, n, func(values []uint64, from int) {
		widen(values, b.Lifetime[from:])
	})
	dst = appendColumn(dst, n, func(values []uint64, from int) {
		widen(values, b.Size[from:])
	})
	if version >= 2 {
		dst = b.appendHealth(append(dst, byte(b.Kind)))
	}
	if version >= 3 {
		dst = b.appendErrors(append(binary.AppendUvarint(dst, uint64(len(b.Version))), b.Version...))
	}
	if version >= 4 {
		for i := range b.Drops {
			dst = append(dst, byte(b.Drops[i].Reason))
		}
	}
	if version >= 5 {
		dst = b.appendParts(dst)
	}
	return dst
}

// appendParts appends the parts that only some batches have.
func (b *Batch) appendParts(dst []byte) []byte {
	n := b.Len()
	parts := uint64(0)
	if len(b.Processes) > 1 {
		parts |= partProcesses
	}
	if len(b.Traces) > 0 {
		parts |= partTraces
	}
	dst = binary.AppendUvarint(dst, parts)
	if parts&partProcesses != 0 {
		instances, versions := make([]string, 0, len(b.Processes)), make([]string, 0, len(b.Processes))
		for _, o := range b.Processes[1:] {
			instances, versions = append(instances, o.Instance), append(versions, o.Version)
		}
		dst = appendList(appendList(dst, instances), versions)
		dst = appendColumn(dst, n, func(values []uint64, from int) {
			widen(values, b.Process[from:])
		})
	}
	if parts&partTraces != 0 {
		for half := 0; half < len(TraceID{}); half += 8 {
			dst = appendColumn(dst, n, func(values []uint64, from int) {
				for i := range values {
					values[i] = binary.BigEndian.Uint64(b.Traces[from+i][half:])
				}
			})
		}
	}
	return dst
}

// minVersion returns the earliest version of the format that can hold the batch.
func (b *Batch) minVersion() byte {
	switch {
	case len(b.Processes) > 1 || len(b.Traces) > 0:
		return 5
	case slices.ContainsFunc(b.Drops, func(d Drop) bool { return d.Reason != UnknownReason }):
		return 4
	case b.Version != "" || len(b.Errors) > 1:
		return 3
	case b.Kind != Kept || len(b.Health) > 0:
		return 2
	}
	return 1
}

func (b *Batch) appendErrors(dst []byte) []byte {
	dst = appendList(dst, b.Errors[min(1, len(b.Errors)):])
	if len(b.Errors) <= 1 {
		return dst
	}
	return appendColumn(dst, b.Len(), func(values []uint64, from int) {
		widen(values, b.Error[from:])
	})
}

func (b *Batch) appendDictionaries(dst []byte) []byte {
	places := make(map[string]uint64, len(b.Keys))
	texts := make([]string, 0, len(b.Keys))
	place := func(s string) uint64 {
		p, ok := places[s]
		if !ok {
			p = uint64(len(texts))
			places[s] = p
			texts = append(texts, s)
		}
		return p
	}
	refs := make([]byte, 0, 6*len(b.Keys)+8)
	refs = binary.AppendUvarint(refs, uint64(len(b.Keys)))
	for i := range b.Keys {
		k := &b.Keys[i]
		refs = binary.AppendUvarint(refs, place(k.Service))
		refs = binary.AppendUvarint(refs, place(k.Endpoint))
		refs = binary.AppendUvarint(refs, place(k.Method))
		refs = binary.AppendUvarint(refs, uint64(k.Status))
	}
	keys := len(refs)
	refs = binary.AppendUvarint(refs, uint64(len(b.Drops)))
	for _, d := range b.Drops {
		refs = binary.AppendUvarint(refs, place(d.Service))
		refs = binary.AppendUvarint(refs, uint64(d.At))
		refs = binary.AppendUvarint(refs, d.Count)
	}
	dst = append(appendList(dst, texts), refs[:keys]...)
	dst = appendList(dst, b.Users[min(1, len(b.Users)):])
	return append(dst, refs[keys:]...)
}

func appendList(dst []byte, texts []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(texts)))
	for _, s := range texts {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
	}
	for _, s := range texts {
		dst = append(dst, s...)
	}
	return dst
}

// appendColumn appends n values, for which fill is asked piece by piece.
func appendColumn(dst []byte, n int, fill func(values []uint64, from int)) []byte {
	var piece [pieceLen]uint64
	for from := 0; from < n; from += pieceLen {
		values := piece[:min(pieceLen, n-from)]
		fill(values, from)
		dst = appendPiece(dst, values)
	}
	return dst
}

func appendPiece(dst []byte, values []uint64) []byte {
	all := uint64(0)
	for _, v := range values {
		all |= v
	}
	width := (bits.Len64(all) + 7) / 8
	dst = append(dst, byte(width))
	at, end := len(dst), len(dst)+width*len(values)
	// Each write is of 8 bytes, of which the next one overwrites those beyond
	// the width.
	dst = slices.Grow(dst, width*len(values)+8)
	for room := dst[:end+8]; at < end; at += width {
		binary.LittleEndian.PutUint64(room[at:], values[0])
		values = values[1:]
	}
	return dst[:end]
}

func widen[T uint32 | int64](values []uint64, column []T) {
	column = column[:len(values)]
	for i, v := range column {
		values[i] = uint64(v)
	}
}

func (b *Batch) startDifferences(values []uint64, from int) {
	previous := b.Start[max(from-1, 0)]
	for i, start := range b.Start[from : from+len(values)] {
		d := start - previous
		values[i] = uint64(d<<1) ^ uint64(d>>63)
		previous = start
	}
}

func (b *Batch) afterFirstByte(values []uint64, from int) {
	duration := b.Duration[from : from+len(values)]
	for i, first := range b.FirstByte[from : from+len(values)] {
		v := uint64(duration[i]-first) + 1
		if first == 0 {
			v = 0
		}
		values[i] = v
	}
}
