package ingest

import "strings"

// Nearest returns the known name that name is most likely a misspelling of,
// empty if it resembles none.
func Nearest(name string, known []string) string {
	// Names are short; a long one is no misspelling and would cost its square.
	const longest = 64
	if len(name) > longest {
		return ""
	}
	best, least := "", 0
	plain := spelling(name)
	for _, k := range known {
		d := distance(plain, spelling(k))
		if d <= max(len(k), len(name))/3+1 && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// spelling leaves off what differs between statusCode, status-code and status_code.
func spelling(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}

// distance is the number of single-byte edits between a and b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
