package storecopy

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/rollup"
)

// Checked is the result of comparing the two stores.
type Checked struct {
	Hours int64   // with anything in From
	More  Amounts // that To holds in them
	// Differ is how many hours To does not hold all of; First is when the first
	// of them begins, and Lacks what it lacks.
	Differ int64
	First  string
	Lacks  string
}

// Check compares both stores, as they are now, hour by hour.
func (c *Copier) Check(ctx context.Context, done *Copied) (*Checked, error) {
	found, seen := new(Checked), int64(0)
	c.progress(Checking, 0, done.Read.Requests)
	for h, err := range c.From.hours(ctx) {
		if err != nil {
			return nil, err
		}
		from, err := c.From.count(ctx, h)
		if err != nil {
			return nil, err
		}
		if from.Amounts == (Amounts{}) {
			continue
		}
		to, err := c.To.count(ctx, h)
		if err != nil {
			return nil, err
		}
		found.Hours++
		found.More = found.More.plus(to.Minus(from.Amounts))
		if lacks := c.compare(from, to, done.min[h]); lacks != "" {
			if found.Differ++; found.Differ == 1 {
				found.First, found.Lacks = h.String(), lacks
			}
		}
		seen += from.Requests
		c.progress(Checking, seen, done.Read.Requests)
	}
	return found, nil
}

// compare describes what To lacks of an hour, or returns "" if it lacks nothing; To
// must also hold at least least. If To holds more of a series, wrong durations
// cannot be distinguished from those of other requests.
func (c *Copier) compare(from, to *tally, least Amounts) string {
	for _, key := range slices.SortedFunc(maps.Keys(from.series), func(a, b rollup.Key) int { return rollup.CompareKeys(&a, &b) }) {
		want, got := from.series[key], to.series[key]
		what := fmt.Sprintf("%s %s %s %d", key.Service, key.Method, key.Endpoint, key.Status)
		switch {
		case got.requests < want.requests:
			return c.fewer(want.requests, got.requests, "request", " of "+what)
		case got.requests == want.requests && got.durations != want.durations:
			return fmt.Sprintf("%s of %s have other durations in %s", figure.Plural(want.requests, "request"), what, c.To.Name)
		}
	}
	for _, d := range slices.SortedFunc(maps.Keys(from.drops), dropped.compare) {
		if want, got := from.drops[d], to.drops[d]; got < want {
			return c.fewer(int64(want), int64(got), "dropped request", d.String())
		}
	}
	if to.Health < from.Health {
		return c.fewer(from.Health, to.Health, "health result", "")
	}
	if to.Requests < least.Requests || to.Dropped < least.Dropped || to.Health < least.Health {
		return fmt.Sprintf("%s has %v, but should have at least %v", c.To.Name, to.Amounts, least)
	}
	return ""
}

func (c *Copier) fewer(want, got int64, noun, of string) string {
	return fmt.Sprintf("%s holds %s%s and %s %s", c.From.Name, figure.Plural(want, noun), of, c.To.Name, figure.Thousands(got))
}
