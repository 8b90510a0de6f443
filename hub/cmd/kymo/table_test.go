package main

import (
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	tests := []struct {
		name   string
		screen screen
		want   string
	}{
		{"as wide as it takes", screen{}, `
name                requests  remark
/short                     1
/a/longer/template     1,234  slow: something
`},
		{"the last column gives way first", screen{width: 42}, `
name                requests  remark
/short                     1
/a/longer/template     1,234  slow: somet…
`},
		{"then the others, down to a least width", screen{width: 20}, `
name          requests  remark
/short               1
/a/longer/t…     1,234  slow: somet…
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tab := table{columns: []column{{title: "name", shrink: true}, right("requests"), {title: "remark", shrink: true}}}
			tab.add(cell{text: "/short"}, cell{text: "1"}, cell{})
			tab.add(cell{text: "/a/longer/template"}, cell{text: "1,234"}, cell{"slow: something", yellow})
			got := strings.Join(tab.lines(test.screen), "\n")
			if want := strings.Trim(test.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestTablePaintsWithoutMovingColumns(t *testing.T) {
	tab := table{columns: []column{{title: "a"}, right("b"), {title: "c"}}}
	tab.add(cell{"é", red}, cell{"1", yellow}, cell{"x", dim})
	want := []string{
		"\x1b[1ma\x1b[0m  \x1b[1mb\x1b[0m  \x1b[1mc\x1b[0m",
		"\x1b[31mé\x1b[0m  \x1b[33m1\x1b[0m  \x1b[2mx\x1b[0m",
	}
	if got := tab.lines(screen{color: true}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
