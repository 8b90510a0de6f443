package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
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
name        requests  remark
/short             1
/a/longer…     1,234  slow: som…
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tab := table{columns: []column{{title: "name", shrink: leastShrunk}, right("requests"), {title: "remark", shrink: leastShrunk}}}
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

// TestReportFitsItsScreen prints the fixed report on screens of many widths: what
// does not fit in full is cut or left out, so no line breaks.
func TestReportFitsItsScreen(t *testing.T) {
	for width := 80; width < 180; width++ {
		for _, row := range endpointTable(fixed().SlowestEndpoints).lines(screen{width: width}) {
			if n := utf8.RuneCountInString(row); n > width {
				t.Errorf("width %d: %d characters in %q", width, n, row)
			}
		}
	}
	got := strings.Join(endpointTable(fixed().SlowestEndpoints).lines(screen{width: 80}), "\n")
	want := strings.Trim(`
service  method  endpoint       requests  errors %  p95 ms  p99 ms  remark
orders   GET     /reports/{id}     1,204      1.20     812   1,034  slow: p95 8…
orders   DELETE  /                     3      0.00    0.00    0.00  insufficien…
`, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
