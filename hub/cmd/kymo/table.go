package main

import (
	"strings"
	"unicode/utf8"
)

// table is aligned text: names to the left, numbers to the right.
type table struct {
	columns []column
	rows    [][]cell
}

type column struct {
	title string
	right bool // for numbers
	// shrink lets the column be cut with an ellipsis when the screen is too narrow.
	shrink bool
}

type cell struct {
	text  string
	style style
}

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

const (
	columnGap   = 2
	leastShrunk = 12 // a column is not cut to fewer characters than these
)

// lines renders the table for the screen, the titles first.
func (t *table) lines(s screen) []string {
	widths := t.widths(s.width)
	titles := make([]cell, len(t.columns))
	for i, c := range t.columns {
		titles[i] = cell{c.title, bold}
	}
	lines := []string{t.line(s, titles, widths)}
	for _, row := range t.rows {
		lines = append(lines, t.line(s, row, widths))
	}
	return lines
}

// widths returns the columns' widths, within limit characters if there is one.
func (t *table) widths(limit int) []int {
	widths := make([]int, len(t.columns))
	total := columnGap * (len(t.columns) - 1)
	for i, c := range t.columns {
		widths[i] = utf8.RuneCountInString(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
		}
		total += widths[i]
	}
	if limit <= 0 {
		return widths
	}
	// The last of them first: remarks matter less than names.
	for i := len(t.columns) - 1; i >= 0; i-- {
		if over := total - limit; over > 0 && t.columns[i].shrink && widths[i] > leastShrunk {
			cut := min(over, widths[i]-leastShrunk)
			widths[i] -= cut
			total -= cut
		}
	}
	return widths
}

func (t *table) line(s screen, row []cell, widths []int) string {
	var b strings.Builder
	for i, c := range row {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", columnGap))
		}
		text := clip(c.text, widths[i])
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		switch {
		case t.columns[i].right:
			b.WriteString(pad + s.paint(text, c.style))
		case i == len(row)-1:
			b.WriteString(s.paint(text, c.style))
		default:
			b.WriteString(s.paint(text, c.style) + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// clip returns text in at most width characters, with an ellipsis if it was cut.
func clip(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(width-1, 0)]) + "…"
}
