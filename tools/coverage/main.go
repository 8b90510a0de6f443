// Coverage joins coverage profiles and prints how much of the statements they cover
// together.
//
//	coverage -min 95 -merged merged.out sdk.out hub.out
//
// A block of code that occurs in several profiles is covered if one of them
// covers it. Packages whose name ends in "test" are test code and left out, as
// _test.go files are. The exit status is 1 if the total is under the minimum.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

func main() {
	minimum := flag.Float64("min", 0, "fail under this many percent of statements")
	merged := flag.String("merged", "", "write the joined profile to this `file`")
	files := flag.Int("files", 10, "list this many files when failing; 0 lists all that miss statements, always")
	flag.Parse()
	ok, err := run(os.Stdout, flag.Args(), *minimum, *merged, *files)
	if err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

func run(out io.Writer, profiles []string, minimum float64, merged string, files int) (bool, error) {
	p := make(profile)
	for _, name := range profiles {
		if err := p.readFile(name); err != nil {
			return false, err
		}
	}
	if merged != "" {
		if err := os.WriteFile(merged, p.text(), 0o644); err != nil {
			return false, err
		}
	}
	total, all := p.summary()
	if total.statements == 0 {
		return false, fmt.Errorf("no statements in %d profiles", len(profiles))
	}
	ok := total.percent() >= minimum
	if files == 0 {
		files = len(all)
	} else if ok {
		files = 0
	}
	for _, f := range all[:min(files, len(all))] {
		fmt.Fprintf(out, "%6.1f %%  %4d of %4d statements missed  %s\n", f.percent(), f.missed, f.statements, f.file)
	}
	fmt.Fprintf(out, "coverage: %.2f %% of %d statements\n", total.percent(), total.statements)
	if !ok {
		return false, fmt.Errorf("%.2f %% of statements is under the minimum of %g %%", total.percent(), minimum)
	}
	return true, nil
}

// block is a run of statements as a profile names it.
type block struct {
	file       string // import path and file name
	span       string // "line.column,line.column"
	statements int
}

// profile tells for each block whether it is covered.
type profile map[block]bool

func (p profile) readFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.read(f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// read adds a profile, whose lines are "mode: …" or "file:span statements count".
func (p profile) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "mode: ") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return fmt.Errorf("not a line of a coverage profile: %q", line)
		}
		file, span, found := strings.Cut(fields[0], ":")
		statements, err := strconv.Atoi(fields[1])
		if err != nil || !found {
			return fmt.Errorf("not a line of a coverage profile: %q", line)
		}
		if strings.HasSuffix(path.Dir(file), "test") {
			continue
		}
		b := block{file, span, statements}
		p[b] = p[b] || fields[2] != "0"
	}
	return lines.Err()
}

// text returns the profile in the form that read reads.
func (p profile) text() []byte {
	blocks := slices.SortedFunc(maps.Keys(p), func(a, b block) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.span, b.span))
	})
	text := []byte("mode: set\n")
	for _, b := range blocks {
		count := 0
		if p[b] {
			count = 1
		}
		text = fmt.Appendf(text, "%s:%s %d %d\n", b.file, b.span, b.statements, count)
	}
	return text
}

type share struct {
	file               string
	statements, missed int
}

func (s share) percent() float64 {
	return 100 * float64(s.statements-s.missed) / float64(s.statements)
}

// summary returns the total and the share of each file that misses statements,
// the file that misses the most first.
func (p profile) summary() (total share, files []share) {
	byFile := make(map[string]share)
	for b, covered := range p {
		missed := b.statements
		if covered {
			missed = 0
		}
		f := byFile[b.file]
		byFile[b.file] = share{b.file, f.statements + b.statements, f.missed + missed}
		total.statements += b.statements
		total.missed += missed
	}
	files = slices.SortedFunc(maps.Values(byFile), func(a, b share) int {
		return cmp.Or(cmp.Compare(b.missed, a.missed), cmp.Compare(a.file, b.file))
	})
	return total, slices.DeleteFunc(files, func(f share) bool { return f.missed == 0 })
}
