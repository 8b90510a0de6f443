package health

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kymohq/kymo/internal/printable"
)

// Bounds of a result's texts, in bytes: they are kept in memory and in the history.
const (
	MaxReason  = 512
	MaxDetails = 4 << 10
)

// brief returns a reason that can be shown: one line of UTF-8, of at most MaxReason
// bytes.
func brief(s string) string {
	s = printable.Clean(strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))), " "))
	if len(s) <= MaxReason {
		return s
	}
	const more = " …"
	end := MaxReason - len(more)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}

// encode returns details as JSON. Details that JSON cannot express, or that are too
// large, are replaced by an error; the check does not fail because of them.
func encode(d Details) json.RawMessage {
	if len(d) == 0 {
		return nil
	}
	b, err := json.Marshal(d)
	b = printable.JSON(b)
	switch {
	case err != nil:
		b, _ = json.Marshal(map[string]string{"error": brief("the details cannot be written as JSON: " + err.Error())})
	case len(b) > MaxDetails:
		b = fmt.Appendf(nil, `{"error":"the details take %d bytes; at most %d"}`, len(b), MaxDetails)
	}
	return b
}
