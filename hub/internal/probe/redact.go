package probe

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxText bounds what is shown of a text that a server wrote, in bytes.
const maxText = 200

// secrets are texts that must not be shown. Drivers and servers quote what they
// were given, so their texts go through show before they are used anywhere.
type secrets []string //nolint:recvcheck // add alone changes it; show works on none, too

// add adds a secret, also in the forms in which it may be quoted.
func (s *secrets) add(secret string) {
	if secret == "" {
		return
	}
	quoted := strconv.Quote(secret)
	*s = append(*s, secret, url.QueryEscape(secret), url.PathEscape(secret),
		url.UserPassword("", secret).String()[1:], quoted[1:len(quoted)-1])
	// The longest first: if a shorter one within it were replaced first, the rest
	// of it would remain visible.
	slices.SortFunc(*s, func(a, b string) int { return len(b) - len(a) })
}

// show returns what may be shown of a text: one line, of no great length,
// without the secrets.
func (s secrets) show(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, "***")
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
