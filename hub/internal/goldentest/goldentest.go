// Package goldentest compares what a test got with a file in its testdata. With the flag
// -update, which it adds to the test, it writes the file instead.
package goldentest

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Compare fails the test unless the file at path, which is relative to the package,
// contains got. It then shows where they differ, and how to accept the change.
func Compare(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; if the file is new, run go test -update . in this package", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if the change is meant, run go test -update . in this package:\n%s", path, diff(string(want), got))
	}
}

// shown is how many lines of each side a diff has at most.
const shown = 8

// diff returns the lines from the first that differs to the last, those of want with -
// and those of got with +, after the number of the first.
func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	first := 0
	for first < len(w) && first < len(g) && w[first] == g[first] {
		first++
	}
	w, g = w[first:], g[first:]
	for len(w) > 0 && len(g) > 0 && w[len(w)-1] == g[len(g)-1] {
		w, g = w[:len(w)-1], g[:len(g)-1]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "@ line %d\n", first+1)
	for _, side := range []struct {
		sign  string
		lines []string
	}{{"-", w}, {"+", g}} {
		for i, line := range side.lines {
			if i == shown {
				fmt.Fprintf(&b, "%s … and %d more\n", side.sign, len(side.lines)-shown)
				break
			}
			fmt.Fprintf(&b, "%s%s\n", side.sign, line)
		}
	}
	return b.String()
}
