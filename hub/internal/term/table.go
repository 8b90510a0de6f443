package term

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kymohq/kymo/internal/printable"
)

// Table is aligned text: names to the left, numbers to the right.
type Table struct {
	Columns []Column
	Rows    [][]Cell
}

// Column is a column's title and how it behaves on a narrow screen.
type Column struct {
	Title string
	Right bool // aligned to the right, for numbers
	// Shrink lets the column be cut, with an ellipsis, when the screen is too
	// narrow: to as many characters as this while there are optional columns,
	// then to MinWidth. 0 is never.
	Shrink int
	// Optional columns are left out when the screen is too narrow, the largest
	// number first; 0 is one that stays.
	Optional int
}

// Number returns a column for numbers.
func Number(title string) Column { return Column{Title: title, Right: true} }

// OptionalNumber returns a column for numbers that is left out on a narrow
// screen, the highest rank first.
func OptionalNumber(rank int, title string) Column {
	return Column{Title: title, Right: true, Optional: rank}
}

// Cell is the text of one column in one row.
type Cell struct {
	Text  string
	Style Style
}

// Add appends a row, which has a cell for each column. What would move the cursor or
// turn the text is replaced.
func (t *Table) Add(cells ...Cell) {
	for i := range cells {
		cells[i].Text = printable.Clean(cells[i].Text)
	}
	t.Rows = append(t.Rows, cells)
}

const (
	// MinWidth is the width, in characters, to which columns are cut at most.
	MinWidth  = 10
	columnGap = 2
)

// Lines renders the table for the screen, the titles first.
func (t *Table) Lines(s Screen) []string {
	t = t.within(s.Width)
	widths := t.widths(s.Width)
	titles := make([]Cell, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = Cell{c.Title, Bold}
	}
	lines := []string{t.line(s, titles, widths)}
	for _, row := range t.Rows {
		lines = append(lines, t.line(s, row, widths))
	}
	return lines
}

// within returns the table without the optional columns that limit characters,
// if there is such a limit, have no room for.
func (t *Table) within(limit int) *Table {
	for limit > 0 {
		widths, total := t.fullWidths()
		out := 0 // of all columns, the first to be left out
		for i, c := range t.Columns {
			if c.Shrink > 0 {
				total -= max(widths[i]-c.Shrink, 0)
			}
			if c.Optional > t.Columns[out].Optional {
				out = i
			}
		}
		if total <= limit || t.Columns[out].Optional == 0 {
			break
		}
		t = t.Without(out)
	}
	return t
}

// Without returns the table without column i.
func (t *Table) Without(i int) *Table {
	rest := &Table{Columns: slices.Concat(t.Columns[:i], t.Columns[i+1:])}
	for _, row := range t.Rows {
		rest.Add(slices.Concat(row[:i], row[i+1:])...)
	}
	return rest
}

// fullWidths returns the columns' widths when none is cut, and their total.
func (t *Table) fullWidths() (widths []int, total int) {
	widths = make([]int, len(t.Columns))
	total = columnGap * (len(t.Columns) - 1)
	for i, c := range t.Columns {
		widths[i] = utf8.RuneCountInString(c.Title)
		for _, row := range t.Rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].Text))
		}
		total += widths[i]
	}
	return widths, total
}

// widths returns the columns' widths, within limit characters if there is one.
func (t *Table) widths(limit int) []int {
	widths, total := t.fullWidths()
	if limit <= 0 {
		return widths
	}
	// The last of them first: remarks matter less than names.
	for i := len(t.Columns) - 1; i >= 0; i-- {
		if over := total - limit; over > 0 && t.Columns[i].Shrink > 0 && widths[i] > MinWidth {
			cut := min(over, widths[i]-MinWidth)
			widths[i] -= cut
			total -= cut
		}
	}
	return widths
}

func (t *Table) line(s Screen, row []Cell, widths []int) string {
	var b strings.Builder
	for i, c := range row {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", columnGap))
		}
		text := Clip(c.Text, widths[i])
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		switch {
		case t.Columns[i].Right:
			b.WriteString(pad + s.Paint(text, c.Style))
		case i == len(row)-1:
			b.WriteString(s.Paint(text, c.Style))
		default:
			b.WriteString(s.Paint(text, c.Style) + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// Clip returns text in at most width characters, with an ellipsis if it was cut.
func Clip(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(width-1, 0)]) + "…"
}
