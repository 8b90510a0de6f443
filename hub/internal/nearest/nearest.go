// Package nearest finds the name that a misspelt one was meant to be.
package nearest

import "strings"

// Of returns the candidate that takes the fewest edits to become name, and how
// many. Without candidates it returns "" and -1.
func Of(name string, candidates []string) (best string, edits int) {
	edits = -1
	for _, c := range candidates {
		if d := Distance(name, c); edits < 0 || d < edits {
			best, edits = c, d
		}
	}
	return best, edits
}

// maxLikely bounds the length of a name that Likely looks at: a long one is no
// misspelling, and would cost its square.
const maxLikely = 64

// Likely returns the candidate that name is probably a misspelling of, "" if it
// resembles none. It passes over case, and over what separates words.
func Likely(name string, candidates []string) string {
	if len(name) > maxLikely {
		return ""
	}
	best, edits := "", 0
	plain := bare(name)
	for _, c := range candidates {
		d := Distance(plain, bare(c))
		if d <= max(len(c), len(name))/3+1 && (best == "" || d < edits) {
			best, edits = c, d
		}
	}
	return best
}

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
