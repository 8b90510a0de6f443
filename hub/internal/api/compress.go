package api

import (
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// minCompressed is the minimum size of an answer to be compressed, in bytes. A
// shorter one fits into a packet as it is.
const minCompressed = 1 << 10

// neverCompressed are the patterns of the routes whose answers are sent as they are.
// The dashboard's files are compressed when they are built. The answers about sessions
// set cookies: the compressed length of a secret beside text of a caller's choice can
// reveal it (BREACH).
var neverCompressed = map[string]bool{
	"GET /{$}": true, "GET /assets/{name}": true,
	"GET /api/v1/session": true, "POST /api/v1/session": true, "DELETE /api/v1/session": true,
}

// compressor serves a handler's answers in the codings that clients prefer.
type compressor struct{ plain, gzip, zstd http.Handler }

func newCompressor(h http.Handler) compressor {
	only := func(gzip bool) http.Handler {
		wrap, err := gzhttp.NewWrapper(gzhttp.EnableGzip(gzip), gzhttp.EnableZstd(!gzip),
			gzhttp.MinSize(minCompressed), gzhttp.ContentTypeFilter(compressible), gzhttp.SetContentType(false))
		if err != nil {
			panic(err) // The options are constants.
		}
		return wrap(h)
	}
	return compressor{h, only(true), only(false)}
}

// serve answers a request whose route has the pattern.
func (c *compressor) serve(w http.ResponseWriter, r *http.Request, pattern string) {
	if neverCompressed[pattern] || !strings.HasPrefix(pattern, http.MethodGet+" ") {
		c.plain.ServeHTTP(w, r)
		return
	}
	coding := preferredCoding(strings.Join(r.Header.Values("Accept-Encoding"), ","))
	// The wrappers look only for the name of their own coding.
	r = r.WithContext(r.Context())
	r.Header = maps.Clone(r.Header)
	r.Header.Set("Accept-Encoding", coding)
	if coding == "zstd" {
		c.zstd.ServeHTTP(w, r)
	} else {
		c.gzip.ServeHTTP(w, r) // The wrappers add Vary even to an answer that they do not compress.
	}
}

// compressible reports whether compression shortens answers of this media
// type.
func compressible(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch media {
	case "application/json", "application/x-ndjson":
		return true
	}
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json")
}

// preferredCoding returns the coding that a client prefers by its Accept-Encoding
// (RFC 9110, section 12.5.3): gzip, zstd, or "" for none. Of several with equal
// weight it prefers zstd, the fastest, and any coding to none.
func preferredCoding(accepted string) string {
	weights := make(map[string]float64)
	for coding := range strings.SplitSeq(accepted, ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		weights[strings.ToLower(strings.TrimSpace(name))] = weight(parameters)
	}
	best, highest := "", weights["identity"]
	for _, name := range []string{"zstd", "gzip"} {
		q, named := weights[name]
		if !named {
			q = weights["*"]
		}
		if q > 0 && (q > highest || best == "" && q == highest) {
			best, highest = name, q
		}
	}
	return best
}

// weight returns the value of q, which is 1 if there is none, and 0 if it is not a
// number from 0 to 1.
func weight(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}
