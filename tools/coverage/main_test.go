package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	first = `mode: atomic
k/a.go:1.1,2.2 8 17
k/a.go:3.1,4.2 2 0
k/b.go:1.1,2.2 5 0
k/b.go:3.1,4.2 5 0
k/ktest/suite.go:1.1,2.2 100 0
`
	second = `mode: set
k/b.go:1.1,2.2 5 1
k/a.go:1.1,2.2 8 0
k/empty.go:1.1,1.2 0 0
`
)

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name, profiles string
		minimum        float64
		files          int
		out, err       string // err is a part of the error
	}{
		{"enough", "first second", 65, 10, "coverage: 65.00 % of 20 statements\n", ""},
		{"one profile alone has less", "first", 65, 1,
			"   0.0 %    10 of   10 statements missed  k/b.go\ncoverage: 40.00 % of 20 statements\n",
			"40.00 % of statements is under the minimum of 65 %"},
		{"too little lists the worst", "first second", 65.01, 1,
			"  50.0 %     5 of   10 statements missed  k/b.go\ncoverage: 65.00 % of 20 statements\n",
			"under the minimum"},
		{"all files", "first second", 0, 0,
			"  50.0 %     5 of   10 statements missed  k/b.go\n" +
				"  80.0 %     2 of   10 statements missed  k/a.go\n" +
				"coverage: 65.00 % of 20 statements\n", ""},
		{"nothing", "", 0, 10, "", "no statements"},
		{"no such file", "absent", 0, 10, "", "no such file"},
		{"not a profile", "words", 0, 10, "", `words: not a line of a coverage profile: "k/a.go 1 1"`},
		{"not a number", "letters", 0, 10, "", "not a line of a coverage profile"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"first": first, "second": second, "words": "k/a.go 1 1\n", "letters": "k/a.go:1.1,2.2 x 1\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var profiles []string
			for name := range strings.FieldsSeq(test.profiles) {
				profiles = append(profiles, filepath.Join(dir, name))
			}
			var out strings.Builder
			ok, err := run(&out, profiles, test.minimum, "", test.files)
			if out.String() != test.out {
				t.Errorf("printed\n%s\nwant\n%s", out.String(), test.out)
			}
			if ok != (test.err == "") {
				t.Errorf("ok is %v with the error %v", ok, err)
			}
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error is %v, want %q", err, test.err)
			}
		})
	}
}

// A joined profile says of every block what its parts said.
func TestMergedReadsBack(t *testing.T) {
	p := make(profile)
	for _, text := range []string{first, second} {
		if err := p.read(strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	const want = `mode: set
k/a.go:1.1,2.2 8 1
k/a.go:3.1,4.2 2 0
k/b.go:1.1,2.2 5 1
k/b.go:3.1,4.2 5 0
k/empty.go:1.1,1.2 0 0
`
	if got := string(p.text()); got != want {
		t.Errorf("joined profile is\n%s\nwant\n%s", got, want)
	}
}
