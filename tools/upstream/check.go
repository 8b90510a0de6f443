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
	work           string // the directory for copies and logs
	plain, patched tree
	logs           int
}

// run reports whether the suite's tests end with Kymo as they do without.
func (c *check) run(ctx context.Context, root string) (bool, error) {
	var err error
	if c.plain, c.patched, err = c.copy.copies(ctx, root, c.work); err != nil {
		return false, err
	}
	printAdaptations(c.out, c.name, c.copy.adapted())
	plain, err := c.all(ctx, "")
	if err != nil {
		return false, err
	}
	same := true
	for _, place := range c.places {
		kymo, err := c.all(ctx, place)
		if err != nil {
			return false, err
		}
		ok, err := c.judge(ctx, place, plain, kymo)
		if err != nil {
			return false, err
		}
		same = same && ok
	}
	return same, nil
}

// all runs all tests with the middleware at a place, or without it if that is "",
// and prints how many there were. It is an error if nothing is wrapped there.
func (c *check) all(ctx context.Context, place string) (results, error) {
	start := time.Now()
	r, wrapped, err := c.test(ctx, test{}, place)
	if err != nil {
		return nil, err
	}
	n := r.count()
	fmt.Fprintf(c.out, "%s: %-12s %5d passed, %d failed, %d skipped in %v", c.name,
		cmp.Or(place, "without Kymo"), n["pass"], n["fail"], n["skip"], time.Since(start).Round(time.Second/10))
	if place != "" {
		fmt.Fprintf(c.out, ", %d handlers wrapped", wrapped)
		if wrapped == 0 {
			err = fmt.Errorf("%s: the patched copy does not use Kymo", place)
		}
	}
	fmt.Fprintln(c.out)
	return r, err
}

// test runs the tests, or only one of them, with the middleware at a place, or
// without it if that is "". It returns how many times a handler was wrapped.
func (c *check) test(ctx context.Context, only test, place string) (r results, wrapped int64, err error) {
	c.logs++
	log := filepath.Join(c.work, fmt.Sprintf("%03d-%s", c.logs, cmp.Or(place, "plain")))
	if place == "" {
		r, err = c.plain.test(ctx, only, log+".json")
		return r, 0, err
	}
	count := log + ".count"
	if err := os.WriteFile(count, nil, 0o644); err != nil {
		return nil, 0, err
	}
	r, err = c.patched.test(ctx, only, log+".json", "KYMO_UPSTREAM_PLACE="+place, "KYMO_UPSTREAM_COUNT="+count)
	if err != nil {
		return nil, 0, err
	}
	info, err := os.Stat(count)
	if err != nil {
		return nil, 0, err
	}
	return r, info.Size(), nil
}

// judge reports whether kymo differs from plain only in tests that are flaky,
// and prints each difference.
func (c *check) judge(ctx context.Context, place string, plain, kymo results) (bool, error) {
	different, unseen := split(deepest(compare(plain, kymo)), kymo)
	same := len(unseen) == 0
	again := make(map[test]bool) // whether a top-level test is flaky
	for _, d := range different {
		again[d.top()] = false
	}
	for t := range again {
		// A package that fails though its tests pass has no test to run again.
		if t.name == "" || len(again) > maxReruns {
			continue
		}
		var err error
		if again[t], err = c.flaky(ctx, place, t, plain); err != nil {
			return false, err
		}
	}
	for _, d := range different {
		note := ""
		if again[d.top()] {
			note = " (but not always, or not when it runs alone)"
		}
		fmt.Fprintf(c.out, "%s: %s: %v%s\n", c.name, place, d, note)
		same = same && note != ""
	}
	for _, pkg := range slices.Sorted(maps.Keys(unseen)) {
		fmt.Fprintf(c.out, "%s: %s: %s ended before %d of its tests had run\n", c.name, place, pkg, unseen[pkg])
	}
	return same, nil
}

// flaky runs a top-level test alone and reports whether the difference is none
// of Kymo's: the test does not always end as in plain without Kymo, or ends with
// Kymo as without each time it runs alone.
func (c *check) flaky(ctx context.Context, place string, t test, plain results) (bool, error) {
	different := false
	for range reruns {
		without, _, err := c.test(ctx, t, "")
		if err != nil {
			return false, err
		}
		if len(compare(plain.of(t), without.of(t))) != 0 {
			return true, nil
		}
		with, _, err := c.test(ctx, t, place)
		if err != nil {
			return false, err
		}
		different = different || len(compare(without.of(t), with.of(t))) != 0
	}
	return !different, nil
}
