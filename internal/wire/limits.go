package wire

import (
	"time"
	"unicode/utf8"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/printable"
)

// Limits on a batch. Decode and Batch.Validate reject a batch that exceeds one; the SDK
// and the hub's readers shorten texts with Clean.
const (
	MaxRequests = 1 << 16 // requests in a batch
	MaxBytes    = 8 << 20 // bytes of an encoded batch
	MaxDrops    = 1 << 10 // drop counts in a batch
	// MaxHealth is the maximum number of health results in a batch. A histogram of a
	// few bytes may take 32 KiB of memory.
	MaxHealth = 1 << 10

	MaxInstance = 128 // bytes of UTF-8, as are the following
	MaxService  = 100
	MaxEndpoint = 255
	MaxMethod   = 10
	MaxUser     = 255
	MaxVersion  = 64
	MaxError    = 100
	MaxCheck    = health.MaxName // also of HealthResult.Name
	MaxReason   = health.MaxReason
	MaxDetails  = health.MaxDetails

	MinStatus = 100
	MaxStatus = 999

	// MaxDuration is the maximum of response_time_ms, a 32-bit integer: 24.8 days.
	MaxDuration = (1<<31 - 1) * time.Millisecond
	// MaxStart is the last millisecond of the year 9999, the last that RFC 3339 can write.
	MaxStart = 253402300799999
	// MaxSpan bounds the span of a stored health result, in milliseconds, so that a
	// search for the results at some instant need not begin earlier than that.
	MaxSpan = int64(time.Hour / time.Millisecond)
	// MaxSize bounds a response's size in bytes.
	MaxSize = 1<<53 - 1
)

// Clean returns s fit for a batch and to be shown: valid UTF-8 without characters that
// deceive (see package printable), of at most limit bytes, cut between characters. It
// allocates only if s is unfit.
func Clean(s string, limit int) string {
	if len(s) <= limit && printable.Is(s) {
		return s
	}
	// What lies beyond cannot show in the result, of which three bytes may stand for
	// four; but cut within a character it could leave a replacement for one that was fine.
	end := min(len(s), limit+limit/3+utf8.UTFMax)
	for least := end - utf8.UTFMax; end < len(s) && end > least && !utf8.RuneStart(s[end]); {
		end--
	}
	s = printable.Clean(s[:end])
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// fit reports whether s is within limit bytes, valid UTF-8 and without ASCII's controls.
// The format asks for no more, so that what was stored can be read.
func fit(s string, limit int) bool {
	if len(s) > limit {
		return false
	}
	ascii := true
	for i := range len(s) {
		if c := s[i]; c-' ' >= 0x7f-' ' {
			if c < utf8.RuneSelf {
				return false
			}
			ascii = false
		}
	}
	return ascii || utf8.ValidString(s)
}
