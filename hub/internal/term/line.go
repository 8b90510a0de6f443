package term

import "strings"

// OneLine joins the lines of a text with semicolons, and makes one space of each
// run of white space: errors that were joined, or come from elsewhere, fit a line.
func OneLine(s string) string {
	var parts []string
	for line := range strings.Lines(s) {
		if words := strings.Fields(line); len(words) > 0 {
			parts = append(parts, strings.Join(words, " "))
		}
	}
	return strings.Join(parts, "; ")
}
