package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/term"
)

// checked is what the comparison of the two stores found.
type checked struct {
	hours int64   // with anything in FROM
	more  amounts // that TO holds in them
	// differ is how many hours TO does not hold all of; the first, and what it lacks.
	differ int64
	first  hour
	lacks  string
}

// check compares both stores, as they are now, hour by hour.
func (c *copier) check(ctx context.Context, done *copied) (*checked, error) {
	bar := term.NewProgress(c.env.stderr, c.screen, c.now, "checking", done.read.requests)
	defer bar.Clear()
	found, seen := new(checked), int64(0)
	for h, err := range c.from.hours(ctx) {
		if err != nil {
			return nil, err
		}
		from, err := c.from.count(ctx, h)
		if err != nil {
			return nil, err
		}
		if from.amounts == (amounts{}) {
			continue
		}
		to, err := c.to.count(ctx, h)
		if err != nil {
			return nil, err
		}
		found.hours++
		found.more = found.more.plus(to.minus(from.amounts))
		if lacks := c.compare(from, to, done.least[h]); lacks != "" {
			if found.differ++; found.differ == 1 {
				found.first, found.lacks = h, lacks
			}
		}
		seen += from.requests
		bar.Show(seen, seen)
	}
	return found, nil
}

// compare says what TO lacks of an hour; "" if nothing. Where it holds more of a
// series, durations that are wrong cannot be told from those of others.
func (c *copier) compare(from, to *tally, least amounts) string {
	for _, key := range slices.SortedFunc(maps.Keys(from.series), compareKeys) {
		want, got := from.series[key], to.series[key]
		what := fmt.Sprintf("%s %s %s %d", key.Service, key.Method, key.Endpoint, key.Status)
		switch {
		case got.requests < want.requests:
			return c.fewer(want.requests, got.requests, "request", " of "+what)
		case got.requests == want.requests && got.durations != want.durations:
			return fmt.Sprintf("%s of %s have other durations in %s", term.Plural(want.requests, "request"), what, c.to.name)
		}
	}
	for _, service := range slices.Sorted(maps.Keys(from.drops)) {
		if want, got := from.drops[service], to.drops[service]; got < want {
			return c.fewer(int64(want), int64(got), "dropped request", " of "+service)
		}
	}
	if to.health < from.health {
		return c.fewer(from.health, to.health, "health result", "")
	}
	if to.requests < least.requests || to.dropped < least.dropped || to.health < least.health {
		return fmt.Sprintf("%s holds %v, but held and took %v", c.to.name, to.amounts, least)
	}
	return ""
}

func (c *copier) fewer(want, got int64, noun, of string) string {
	return fmt.Sprintf("%s holds %s%s and %s %s", c.from.name, term.Plural(want, noun), of, c.to.name, term.Thousands(got))
}

func compareKeys(a, b rollup.Key) int {
	return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Endpoint, b.Endpoint),
		strings.Compare(a.Method, b.Method), cmp.Compare(a.Status, b.Status))
}

// difference is the check's bad news.
func (c *copier) difference(found *checked) error {
	verb := "differ"
	if found.differ == 1 {
		verb = "differs"
	}
	return fmt.Errorf("%s of %s %s, first that from %v: %s; this happens if something still writes to %s, "+
		"or if a hub on %s keeps less (--retention-age)",
		term.Thousands(found.differ), term.Plural(found.hours, "hour"), verb, found.first, found.lacks, c.from.name, c.to.name)
}
