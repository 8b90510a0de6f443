package stacks

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is docs/routers.md.
type page struct {
	user     string // the declaration of the handler that snippets use
	rows     []row
	sections []section
	text     string
}

// row is a router in the page's first table.
type row struct {
	name     string
	line     string // what is to be added; "…" stands for anything
	endpoint string
}

// section is one with a heading "## name".
type section struct {
	name     string
	text     string
	snippets []string // in Go
}

var (
	snippetForm = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
	rowForm     = regexp.MustCompile("(?m)^\\| \\[(.+?)\\]\\(#(.+?)\\) \\| `(.+)` \\| .*`(.+)` \\|$")
)

func readPage(t *testing.T) *page {
	t.Helper()
	data, err := os.ReadFile("../../docs/routers.md")
	if err != nil {
		t.Fatal(err)
	}
	p := &page{text: string(data)}
	parts := strings.Split(p.text, "\n## ")
	if s := snippetsOf(parts[0]); len(s) == 1 {
		p.user = s[0]
	} else {
		t.Fatalf("above the sections are %d snippets", len(s))
	}
	for _, part := range parts[1:] {
		name, text, _ := strings.Cut(part, "\n")
		p.sections = append(p.sections, section{name, text, snippetsOf(text)})
	}
	for _, m := range rowForm.FindAllStringSubmatch(parts[0], -1) {
		if want := anchor(m[1]); m[2] != want {
			t.Errorf("%s links to #%s, its section is #%s", m[1], m[2], want)
		}
		p.rows = append(p.rows, row{name: m[1], line: m[3], endpoint: m[4]})
	}
	// The table's head and its rule have no link.
	if lines := strings.Count(parts[0], "\n| ") - 2; len(p.rows) != lines {
		t.Fatalf("of the table's %d rows, %d are understood", lines, len(p.rows))
	}
	return p
}

func snippetsOf(text string) []string {
	var all []string
	for _, m := range snippetForm.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// anchor returns the fragment by which a heading is found.
func anchor(heading string) string {
	kept := func(r rune) rune {
		if r == ' ' {
			return '-'
		}
		if strings.ContainsRune("/.,()", r) {
			return -1
		}
		return r
	}
	return strings.Map(kept, strings.ToLower(heading))
}

// section returns the one with that name, nil if there is none.
func (p *page) section(name string) *section {
	i := slices.IndexFunc(p.sections, func(s section) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &p.sections[i]
}

// isIn reports whether a line of the snippet holds what is to be added.
func (r *row) isIn(snippet string) bool {
	form := strings.ReplaceAll(regexp.QuoteMeta(r.line), "…", ".+")
	return regexp.MustCompile(form).MatchString(snippet)
}
