// Package table writes GitHub's markdown tables with aligned columns.
package table

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table is a heading, what one must know to read it, and rows of cells.
type Table struct {
	Title string
	Intro string   // a paragraph before the rows
	Left  int      // how many columns hold text; the first always does
	Head  []string // with units
	Rows  [][]string
	Notes []string // after the rows, one line each
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Notef appends a line after the rows.
func (t *Table) Notef(format string, args ...any) {
	t.Notes = append(t.Notes, fmt.Sprintf(format, args...))
}

// Write writes the table, text aligned left and numbers right. Missing cells are
// empty.
func (t *Table) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", t.Title)
	if t.Intro != "" {
		fmt.Fprintf(&b, "%s\n\n", t.Intro)
	}
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell(row, i)), 3)
		}
	}
	left := max(t.Left, 1)
	writeRow(&b, widths, left, t.Head)
	for i, width := range widths {
		if i < left {
			fmt.Fprintf(&b, "| %s ", strings.Repeat("-", width))
		} else {
			fmt.Fprintf(&b, "| %s: ", strings.Repeat("-", width-1))
		}
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		writeRow(&b, widths, left, row)
	}
	b.WriteString("\n")
	for _, note := range t.Notes {
		fmt.Fprintf(&b, "- %s\n", note)
	}
	if len(t.Notes) > 0 {
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeRow(b *strings.Builder, widths []int, left int, row []string) {
	for i, width := range widths {
		c := cell(row, i)
		pad := strings.Repeat(" ", max(width-utf8.RuneCountInString(c), 0))
		if i < left {
			fmt.Fprintf(b, "| %s%s ", c, pad)
		} else {
			fmt.Fprintf(b, "| %s%s ", pad, c)
		}
	}
	b.WriteString("|\n")
}

func cell(row []string, i int) string {
	if i < len(row) {
		return strings.ReplaceAll(row[i], "|", `\|`)
	}
	return ""
}
