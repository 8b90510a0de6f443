package main

import (
	"slices"
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
	// shrink lets the column be cut, with an ellipsis, when the screen is too
	// narrow: to as many characters as this while there are optional columns,
	// then to leastShrunk. 0 is never.
	shrink int
	// optional columns are left out when the screen is too narrow, the largest
	// number first; 0 is one that stays.
	optional int
}

type cell struct {
	text  string
	style style
}

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

const (
	columnGap   = 2
	leastShrunk = 10 // a column is not cut to fewer characters than these
)

// lines renders the table for the screen, the titles first.
func (t *table) lines(s screen) []string {
	t = t.within(s.width)
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

// within returns the table without the optional columns that limit characters,
// if there is such a limit, have no room for.
func (t *table) within(limit int) *table {
	for limit > 0 {
		widths, total := t.fullWidths()
		out := 0 // of all columns, the first to be left out
		for i, c := range t.columns {
			if c.shrink > 0 {
				total -= max(widths[i]-c.shrink, 0)
			}
			if c.optional > t.columns[out].optional {
				out = i
			}
		}
		if total <= limit || t.columns[out].optional == 0 {
			break
		}
		t = t.without(out)
	}
	return t
}

// without returns the table without column i.
func (t *table) without(i int) *table {
	rest := &table{columns: slices.Concat(t.columns[:i], t.columns[i+1:])}
	for _, row := range t.rows {
		rest.add(slices.Concat(row[:i], row[i+1:])...)
	}
	return rest
}

// fullWidths returns the columns' widths when none is cut, and their total.
func (t *table) fullWidths() (widths []int, total int) {
	widths = make([]int, len(t.columns))
	total = columnGap * (len(t.columns) - 1)
	for i, c := range t.columns {
		widths[i] = utf8.RuneCountInString(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
		}
		total += widths[i]
	}
	return widths, total
}

// widths returns the columns' widths, within limit characters if there is one.
func (t *table) widths(limit int) []int {
	widths, total := t.fullWidths()
	if limit <= 0 {
		return widths
	}
	// The last of them first: remarks matter less than names.
	for i := len(t.columns) - 1; i >= 0; i-- {
		if over := total - limit; over > 0 && t.columns[i].shrink > 0 && widths[i] > leastShrunk {
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
