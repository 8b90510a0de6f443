package template

import (
	"net/url"
	"strings"

	"github.com/kymohq/kymo/internal/wire"
)

// appendSegment appends a path's next segment to those of its template: ID for a value,
// with the suffix or the action that follows it, and otherwise the segment in one
// spelling, whichever of its characters were percent-encoded. The last segment of a path
// is no version.
func appendSegment(template []string, segment string, last bool) []string {
	plain := segment
	if strings.IndexByte(segment, '%') >= 0 {
		if decoded, err := url.PathUnescape(segment); err == nil {
			plain = decoded
		}
	}
	if last || !isVersion(template, plain) {
		if isEmail(plain) || isAddress(plain) || isMAC(plain) {
			return append(template, ID)
		}
		if after := afterValue(plain); after != "" {
			return append(template, ID+after)
		}
		if isValue(plain) {
			return append(template, ID)
		}
	}
	if plain != segment && (strings.ContainsAny(plain, "/?#%{}") || wire.Clean(plain, len(plain)) != plain) {
		return append(template, segment)
	}
	return append(template, plain)
}

// isVersion reports whether a segment is the version of an API, not a value: 2.0 anywhere,
// 10.25 as a path's first segment, and a number, 10.25 or a day right after "api".
func isVersion(template []string, s string) bool {
	before := ""
	if len(template) > 0 {
		before = template[len(template)-1]
	}
	whole, fraction, dot := strings.Cut(s, ".")
	short := len(whole) <= 3 && isDigits(whole) && (!dot || len(fraction) <= 2 && isDigits(fraction))
	if dot && short && len(s) == len("2.0") {
		return true
	}
	switch before {
	case "":
		return dot && short && len(template) <= 1
	case "api", "apis":
		return short || len(s) == len("2010-04-01") && isDate(s)
	}
	return false
}

// afterValue returns what follows a value in its segment: the suffix of a file, as in
// 42.json, or an action, as in 42:activate. It returns "" if there is nothing, or no value.
func afterValue(s string) string {
	base := s
	for {
		i := strings.LastIndexByte(base, '.')
		if i <= 0 || !suffixes[strings.ToLower(base[i+1:])] {
			break
		}
		base = base[:i]
	}
	if len(base) < len(s) && isValue(base) {
		return s[len(base):]
	}
	if i := strings.LastIndexByte(s, ':'); i > 0 && isWord(s[i+1:]) && isValue(s[:i]) {
		return s[i:]
	}
	return ""
}

// suffixes are the names' ends of files that services offer.
var suffixes = setOf("aac atom avif avi bin bmp bz2 css csv doc docx eot epub flac gif gpx gz htm html ico ics jpeg jpg js json " +
	"jsonl kml m3u8 m4a m4s map md mjs mov mp3 mp4 mpd ndjson odt ogg pb pdf php png ppt pptx ps rar rss rtf sql svg tar tgz tif tiff ts tsv ttf " +
	"txt vcf wasm wav webm webmanifest webp woff woff2 xhtml xls xlsx xml yaml yml zip zst 7z")

func setOf(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// isWord reports whether s is of ASCII's letters.
func isWord(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return s != ""
}

// isValue reports whether a segment can only be a value.
func isValue(s string) bool {
	if !hasDigit(s) {
		return isEmail(s) || len(s) >= minPlainHex && (isHex(s) || isRandom(s))
	}
	if isNumeric(s) || isNumbered(s) || isEmail(s) || isAddress(s) {
		return true
	}
	return len(s) >= minHex && (isHex(s) || isDate(s) || hasToken(s)) || len(s) > longLiteral
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if isDigit(s[i]) {
			return true
		}
	}
	return false
}

// longLiteral is the length from which a segment with a digit is a token, not a word.
const longLiteral = 64

func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && !strings.ContainsAny(domain, "@ ") &&
		strings.IndexByte(domain, '.') > 0 && !strings.HasSuffix(domain, ".")
}
