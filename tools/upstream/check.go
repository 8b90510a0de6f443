package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Bounds of what is run again.
const (
	reruns    = 2  // of each test that differs
	maxReruns = 40 // tests; if more differ, something else is wrong
)

// check runs a suite and prints what it sees.
type check struct {
	suite
	out            io.Writer
	work           string // the folder for copies and logs
	plain, patched tree
	logs           int
}

// run reports whether the suite's tests end with Kymo as they do without.
func (c *check) run(ctx context.Context, root string) (bool, error) {
	var err error
	if c.plain, c.patched, err = c.copy.copies(ctx, root, c.work); err != nil {
		return false, err
	}
	plain, err := c.test(ctx, c.plain, selection{}, "", "")
	if err != nil {
		return false, err
	}
	same := true
	for _, place := range c.places {
		p := placed{c, place, exceptionsOf(c.name, place)}
		ok, err := p.run(ctx, plain)
		if err != nil {
			return false, err
		}
		same = same && ok
	}
	return same, nil
}

// test runs tests of a tree. with is what its hook wraps handlers by, and place
// where; a tree without a hook has neither. It prints how many tests there were
// unless they are only some. A hook that wraps nothing is an error.
func (c *check) test(ctx context.Context, t tree, s selection, with, place string) (results, error) {
	c.logs++
	log := filepath.Join(c.work, fmt.Sprintf("%03d-%s", c.logs, cmp.Or(with+place, "plain")))
	start := time.Now()
	r, err := t.test(ctx, s, log+".json",
		"KYMO_UPSTREAM_WITH="+with, "KYMO_UPSTREAM_PLACE="+place, "KYMO_UPSTREAM_COUNT="+log+".count")
	if err != nil || len(s.only) != 0 {
		return r, err
	}
	n := r.count()
	fmt.Fprintf(c.out, "%s: %-12s %5d passed, %d failed, %d skipped in %v", c.name,
		cmp.Or(place, "without Kymo"), n["pass"], n["fail"], n["skip"], time.Since(start).Round(time.Second/10))
	if with != "" {
		wrapped, err := os.Stat(log + ".count")
		if err != nil {
			return nil, fmt.Errorf("no handler was wrapped: %w", err)
		}
		fmt.Fprintf(c.out, ", %d handlers wrapped", wrapped.Size())
	}
	fmt.Fprintln(c.out)
	return r, nil
}

// placed is the check of a suite with the middleware at one place.
type placed struct {
	*check
	place      string
	exceptions []exception
}

// run compares the suite's results with plain, those without Kymo.
func (p placed) run(ctx context.Context, plain results) (bool, error) {
	var skipped []test
	var names []string
	for _, e := range p.exceptions {
		skipped = append(skipped, e.test)
		names = append(names, e.name)
	}
	kymo, err := p.test(ctx, p.patched, selection{skip: names}, "kymo", p.place)
	if err != nil {
		return false, err
	}
	plain = plain.without(skipped)
	same, err := p.judge(ctx, plain, kymo)
	if err != nil {
		return false, err
	}
	needed, err := p.except(ctx)
	return same && needed, err
}

// judge reports whether kymo differs from plain only in tests that are flaky.
func (p placed) judge(ctx context.Context, plain, kymo results) (bool, error) {
	groups := group(compare(plain, kymo))
	// A package fails when one of its tests does; it counts where none did.
	packages := make(map[string]bool)
	same := true
	for _, t := range slices.SortedFunc(maps.Keys(groups), byName) {
		if t.name == "" {
			continue
		}
		packages[t.pkg] = true
		flaky := false
		if len(groups) <= maxReruns {
			var err error
			if flaky, err = p.flaky(ctx, t, plain); err != nil {
				return false, err
			}
		}
		p.print(groups[t], flaky)
		same = same && flaky
	}
	for t, d := range groups {
		if t.name == "" && !packages[t.pkg] {
			p.print(d, false)
			same = false
		}
	}
	return same, nil
}

func (p placed) print(different []difference, flaky bool) {
	note := ""
	if flaky {
		note = " (flaky: not when run alone, or not always the same without Kymo)"
	}
	for _, d := range different {
		fmt.Fprintf(p.out, "%s %s: %v%s\n", p.name, p.place, d, note)
	}
}

// flaky runs a top-level test alone and reports whether the difference is none
// of Kymo's: the test does not always end as in plain without Kymo, or ends with
// Kymo as without each time it runs alone.
func (p placed) flaky(ctx context.Context, t test, plain results) (bool, error) {
	alone := selection{pkg: t.pkg, only: []string{t.name}}
	different := false
	for range reruns {
		without, err := p.test(ctx, p.plain, alone, "", "")
		if err != nil {
			return false, err
		}
		if len(compare(plain.of(t), without.of(t))) != 0 {
			return true, nil
		}
		with, err := p.test(ctx, p.patched, alone, "kymo", p.place)
		if err != nil {
			return false, err
		}
		different = different || len(compare(without.of(t), with.of(t))) != 0
	}
	return !different, nil
}

// except runs the exceptions and reports whether the header that Kymo adds is
// what each of them fails by.
func (p placed) except(ctx context.Context) (bool, error) {
	byPackage := make(map[string][]exception)
	for _, e := range p.exceptions {
		byPackage[e.pkg] = append(byPackage[e.pkg], e)
	}
	ok := true
	for pkg, some := range byPackage {
		s := selection{pkg: pkg}
		for _, e := range some {
			s.only = append(s.only, e.name)
		}
		plain, err := p.test(ctx, p.plain, s, "", "")
		if err != nil {
			return false, err
		}
		kymo, err := p.test(ctx, p.patched, s, "kymo", p.place)
		if err != nil {
			return false, err
		}
		header, err := p.test(ctx, p.patched, s, "header", p.place)
		if err != nil {
			return false, err
		}
		for _, e := range some {
			problem := e.problem(plain[e.test], kymo[e.test], header[e.test])
			fmt.Fprintf(p.out, "%s %s: %v: listed: %s\n", p.name, p.place, e.test, cmp.Or(problem, e.reason))
			ok = ok && problem == ""
		}
	}
	return ok, nil
}

func byName(a, b test) int {
	return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.name, b.name))
}
