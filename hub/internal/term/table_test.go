package term

import (
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	tests := []struct {
		name   string
		screen Screen
		want   string
	}{
		{"as wide as it takes", Screen{}, `
name                requests  remark
/short                     1
/a/longer/template     1,234  slow: something
`},
		{"the last column gives way first", Screen{Width: 42}, `
name                requests  remark
/short                     1
/a/longer/template     1,234  slow: somet…
`},
		{"then the others, down to a least width", Screen{Width: 20}, `
name        requests  remark
/short             1
/a/longer…     1,234  slow: som…
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tab := Table{Columns: []Column{{Title: "name", Shrink: MinWidth}, Number("requests"), {Title: "remark", Shrink: MinWidth}}}
			tab.Add(Cell{Text: "/short"}, Cell{Text: "1"}, Cell{})
			tab.Add(Cell{Text: "/a/longer/template"}, Cell{Text: "1,234"}, Cell{"slow: something", Yellow})
			got := strings.Join(tab.Lines(test.screen), "\n")
			if want := strings.Trim(test.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestTablePaintsWithoutMovingColumns(t *testing.T) {
	tab := Table{Columns: []Column{{Title: "a"}, Number("b"), {Title: "c"}}}
	tab.Add(Cell{"é", Red}, Cell{"1", Yellow}, Cell{"x", Dim})
	want := []string{
		"\x1b[1ma\x1b[0m  \x1b[1mb\x1b[0m  \x1b[1mc\x1b[0m",
		"\x1b[31mé\x1b[0m  \x1b[33m1\x1b[0m  \x1b[2mx\x1b[0m",
	}
	if got := tab.Lines(Screen{Color: true}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
