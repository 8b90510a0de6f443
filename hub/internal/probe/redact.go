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

// secrets are texts that must not be shown. Drivers quote what they were given,
// and servers what they were sent: whatever others wrote goes through show
// before anyone sees it.
type secrets []string

// add adds a secret, and the ways in which it is quoted.
func (s *secrets) add(secret string) {
	if secret == "" {
		return
	}
	quoted := strconv.Quote(secret)
	*s = append(*s, secret, url.QueryEscape(secret), url.PathEscape(secret),
		url.UserPassword("", secret).String()[1:], quoted[1:len(quoted)-1])
	// The longest first: what remains of a longer one would still tell most of it.
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
