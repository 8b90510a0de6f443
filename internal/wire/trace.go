package wire

import "encoding/hex"

// TraceID identifies a trace, as W3C Trace Context defines it
// (https://www.w3.org/TR/trace-context/#trace-id). Zero is none.
type TraceID [16]byte

// ParseTraceID reads 32 hex digits of either case. It returns false for anything else, and
// for zeros alone, which the standard does not allow.
func ParseTraceID(text []byte) (id TraceID, ok bool) {
	if len(text) != 2*len(id) {
		return TraceID{}, false
	}
	if _, err := hex.Decode(id[:], text); err != nil {
		return TraceID{}, false
	}
	return id, id != TraceID{}
}

// String returns 32 lower-case hex digits, or "" for none.
func (id TraceID) String() string {
	if id == (TraceID{}) {
		return ""
	}
	return hex.EncodeToString(id[:])
}
