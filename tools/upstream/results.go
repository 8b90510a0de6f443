package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// test is a test, a subtest, or, without a name, the whole of a package.
type test struct {
	pkg, name string
}

func (t test) String() string {
	if t.name == "" {
		return t.pkg
	}
	return t.pkg + " " + t.name
}

// top is the test that t is a subtest of, or t.
func (t test) top() test {
	t.name, _, _ = strings.Cut(t.name, "/")
	return t
}

// within reports whether t is other or a part of it.
func (t test) within(other test) bool {
	return t.pkg == other.pkg && (other.name == "" || t.name == other.name || strings.HasPrefix(t.name, other.name+"/"))
}

// outcome is how a test ended: "pass", "fail" or "skip", or, if it did not run or
// did not end, "".
type outcome string

func (o outcome) String() string {
	return cmp.Or(string(o), "missing")
}

type results map[test]outcome

// read reads the events of go test -json.
func read(events io.Reader) (results, error) {
	r := make(results)
	built := make(map[string]string) // what the compiler said, by package
	var broken []string              // packages that were not built
	lines := bufio.NewReader(events)
	for more := true; more; {
		line, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, err
		}
		more = err == nil
		if len(line) == 0 || line[0] != '{' {
			continue // what a test's own child wrote to standard output
		}
		var e struct {
			Action     string `json:"Action"`
			Package    string `json:"Package"`
			Test       string `json:"Test"`
			ImportPath string `json:"ImportPath"`
			Output     string `json:"Output"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("an event of go test: %w", err)
		}
		switch e.Action {
		case "pass", "fail", "skip":
			r[test{e.Package, e.Test}] = outcome(e.Action)
		case "build-output":
			built[e.ImportPath] += e.Output
		case "build-fail":
			broken = append(broken, e.ImportPath)
		}
	}
	if len(broken) != 0 {
		return nil, fmt.Errorf("not built: %s\n%s", strings.Join(broken, ", "), built[broken[0]])
	}
	return r, nil
}

// of returns the results of t and its subtests.
func (r results) of(t test) results {
	some := maps.Clone(r)
	maps.DeleteFunc(some, func(other test, _ outcome) bool { return !other.within(t) })
	return some
}

// count returns how many tests and subtests have each outcome.
func (r results) count() map[outcome]int {
	n := make(map[outcome]int)
	for t, o := range r {
		if t.name != "" {
			n[o]++
		}
	}
	return n
}

// difference is a test that ended differently with Kymo.
type difference struct {
	test
	plain, kymo outcome
}

func (d difference) String() string {
	return fmt.Sprintf("%v: %v without Kymo, %v with it", d.test, d.plain, d.kymo)
}

// compare returns the tests that are different, by name.
func compare(plain, kymo results) []difference {
	tests := maps.Clone(plain)
	maps.Copy(tests, kymo)
	var different []difference
	for t := range tests {
		if plain[t] != kymo[t] {
			different = append(different, difference{t, plain[t], kymo[t]})
		}
	}
	slices.SortFunc(different, func(a, b difference) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.name, b.name))
	})
	return different
}

// deepest returns the differences of tests that have no subtest that differs in
// the same way: a test fails when a subtest of it does.
func deepest(different []difference) []difference {
	return slices.DeleteFunc(slices.Clone(different), func(d difference) bool {
		return slices.ContainsFunc(different, func(other difference) bool {
			return other.test != d.test && other.within(d.test) && other.plain == d.plain && other.kymo == d.kymo
		})
	})
}

// split takes out the tests that kymo has nothing of, not even of the top-level
// test that they belong to, and counts them by package: their package ended
// before they ran.
func split(different []difference, kymo results) (rest []difference, unseen map[string]int) {
	unseen = make(map[string]int)
	for _, d := range different {
		if d.name != "" && kymo[d.top()] == "" {
			unseen[d.pkg]++
		} else {
			rest = append(rest, d)
		}
	}
	return rest, unseen
}
