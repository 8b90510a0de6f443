package kymo

import (
	"net/http"
	"strings"
)

// responseFlags returns the flags of a response with this header: whether it is a stream,
// or can become one, and whether it is a remote procedure call's.
func responseFlags(h http.Header) uint32 {
	v := h["Content-Type"]
	if len(v) == 0 {
		v = rawContentType(h)
	}
	if len(v) == 0 || len(v[0]) < len("text/") {
		return 0
	}
	mediaType := v[0]
	// Most responses are of other types, which one byte rules out.
	switch mediaType[0] | 0x20 {
	case 't', 'a', 'm':
		return mediaTypeFlags(mediaType)
	}
	return 0
}

// rawContentType finds the field under other spellings of its name, which net/http sends
// as they are.
func rawContentType(h http.Header) []string {
	for name, v := range h {
		if strings.EqualFold(name, "Content-Type") {
			return v
		}
	}
	return nil
}

func mediaTypeFlags(mediaType string) uint32 {
	switch {
	case hasPrefixFold(mediaType, "text/event-stream"):
		return flagStream
	case hasPrefixFold(mediaType, "multipart/"):
		return flagParts
	case !hasPrefixFold(mediaType, "application/"):
		return 0
	}
	subtype := mediaType[len("application/"):]
	for _, k := range applicationKinds {
		if hasPrefixFold(subtype, k.prefix) {
			return k.flags
		}
	}
	return 0
}

// applicationKinds are the types below application/ that matter, by prefix: parameters
// may follow, and for calls suffixes such as "+proto".
var applicationKinds = [...]struct {
	prefix string
	flags  uint32
}{
	{"grpc-web-text", 0}, // in Base64
	{"grpc", flagFramed},
	{"connect+", flagFramed | flagStream},
	{"x-ndjson", flagParts},
	{"ndjson", flagParts},
	{"jsonl", flagParts},
	{"x-jsonl", flagParts},
	{"json-seq", flagParts},
	{"geo+json-seq", flagParts},
	{"stream+json", flagParts},
	{"x-json-stream", flagParts},
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
