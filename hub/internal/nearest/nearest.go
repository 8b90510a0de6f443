// Package nearest finds the name that a misspelt one was meant to be.
package nearest

import (
	"strings"
	"unicode/utf8"
)

// maxLength bounds the names that Likely looks at, in bytes: a longer one is no
// misspelling, and Distance takes time in proportion to the square of the length.
const maxLength = 64

// Likely returns the candidate that name is probably a misspelling of, "" if it
// resembles none: one that at most every third letter differs from. It ignores case
// and what separates words.
func Likely(name string, candidates []string) string {
	if len(name) > maxLength {
		return ""
	}
	best, edits := "", 0
	for _, c := range candidates {
		longest := max(utf8.RuneCountInString(bare(name)), utf8.RuneCountInString(bare(c)))
		d := Edits(name, c)
		if 3*d <= longest && (best == "" || d < edits) {
			best, edits = c, d
		}
	}
	return best
}

// Edits returns the Distance of two names, ignoring what Likely ignores.
func Edits(a, b string) int { return Distance(bare(a), bare(b)) }

// bare leaves off what differs between statusCode, status-code and status_code.
func bare(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}

// Distance returns the number of insertions, deletions, replacements and swaps of
// neighbors that turn a into b (optimal string alignment). It takes time and
// memory in proportion to the product of their lengths.
func Distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			replace := rows[i-1][j-1]
			if s[i-1] != t[j-1] {
				replace++
			}
			d := min(replace, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(s)][len(t)]
}
