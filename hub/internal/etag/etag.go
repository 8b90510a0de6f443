// Package etag names contents, so that a client that has one is not sent it again
// (RFC 9110, section 8.8.3).
package etag

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Of returns the entity tag of a content, with its quotes.
func Of(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// Weak returns the entity tag of a content that may be sent in several codings: it names
// what they hold, not their bytes.
func Weak(content []byte) string { return "W/" + Of(content) }

// Match reports whether a value of If-None-Match names the tag, or any. Tags are
// compared weakly, as that header asks for. The tag must not hold a comma.
func Match(header, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for known := range strings.SplitSeq(header, ",") {
		known = strings.TrimSpace(known)
		if known == "*" || strings.TrimPrefix(known, "W/") == tag {
			return true
		}
	}
	return false
}
