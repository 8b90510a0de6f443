// Package nearest finds the name that a misspelt one was meant to be.
package nearest

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
