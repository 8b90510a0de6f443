package hist

import "encoding/binary"

// reader takes varints off a slice and remembers if one was cut short, too
// long or not in its shortest form.
type reader struct {
	b   []byte
	at  int
	bad bool
}

func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		r.bad = true
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 || n > 1 && r.b[r.at+n-1] == 0 {
		r.bad = true
		return 0
	}
	r.at += n
	return v
}

func (r *reader) uvarint128() (hi, lo uint64) {
	if v, n := binary.Uvarint(r.b[r.at:]); n > 0 && (n == 1 || r.b[r.at+n-1] != 0) {
		r.at += n
		return 0, v
	}
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		if shift == 126 && c > 3 || shift > 0 && c == 0 {
			r.bad = true
		}
		if r.bad {
			return 0, 0
		}
		part := uint64(c & 0x7f)
		if shift < 64 {
			lo |= part << shift
			if shift > 57 {
				hi |= part >> (64 - shift)
			}
		} else {
			hi |= part << (shift - 64)
		}
		if c < 0x80 {
			return hi, lo
		}
	}
}
