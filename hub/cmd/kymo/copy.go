package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/engines"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/internal/wire"
)

type copyCommand struct {
	From    string `arg:"" help:"The store to read: a folder or a URL, as serve takes it with --store."`
	To      string `arg:"" help:"The store to write, likewise."`
	Timeout string `placeholder:"DURATION" help:"How long to try again while TO does not take what it is given. Default: 1m."`
}

func (*copyCommand) Help() string {
	return "Examples:\n\n" +
		"    $ kymo copy ./kymo-data postgres://kymo@db.internal/kymo\n" +
		"    $ OLD=postgres://… NEW=clickhouse://… kymo copy env:OLD env:NEW\n\n" +
		"Everything is copied: requests, counts of dropped ones, and health results. FROM stays as it is. Stop the hub that " +
		"writes to FROM first: what comes into an hour that was copied is not copied any more. TO may hold other data, and a hub may run on " +
		"it; one that keeps less (--retention-age) forgets again what is older.\n\n" +
		"The same command again, after it was interrupted or to its end, counts nothing twice for 168 h. FROM is known by its absolute path, " +
		"or by its host, database and search_path as they are written: under another name its data would count again.\n\n" +
		"At the end both stores are read once more and compared hour by hour. TO must hold what FROM holds: of each service, endpoint, method " +
		"and status as many requests, with the same histogram of durations; of each service as many dropped requests; and as many " +
		"health results. It may hold more, from elsewhere; of a series of which it does, only the number is compared. " +
		"And it must hold what it held before and what it took as new. " +
		"Exit status: 0 if so, 1 if not, 2 if it was not done.\n"
}

// place is one of the two stores.
type place struct {
	store.Store
	name string // as it may be shown
}

func (c *copyCommand) Run(env *environment) (err error) {
	patience, err := parseDuration(cmp.Or(c.Timeout, "1m"))
	if err != nil {
		return fmt.Errorf("--timeout: %w", err)
	}
	r := &resolver{vars: env.vars, used: make(map[string]bool)}
	from, err := r.storeArgument("FROM", c.From)
	if err != nil {
		return err
	}
	to, err := r.storeArgument("TO", c.To)
	if err != nil {
		return err
	}
	if engines.Location(from) == engines.Location(to) {
		return errSameStore
	}
	if err := engines.CheckExists(from); err != nil {
		return fmt.Errorf("FROM: %w", err)
	}
	// What goes wrong is said by what fails; a log would be between the lines.
	options := engines.Options{Logger: slog.New(slog.DiscardHandler)}
	source, err := engines.Open(from, options)
	if err != nil {
		return fmt.Errorf("FROM: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := engines.Open(to, options)
	if err != nil {
		return fmt.Errorf("TO: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	cp := &copier{
		env: env, from: place{source, engines.Show(from)}, to: place{target, engines.Show(to)},
		source: engines.Location(from), patience: patience, now: time.Now, screen: term.ScreenOf(env.stderr, env.vars),
	}
	// Two folders that are one cannot be opened at once.
	if engines.Remote(from) && engines.Remote(to) {
		if err := cp.tellApart(env.ctx); err != nil {
			return err
		}
	}
	return cp.run(env.ctx)
}

// storeArgument returns the store that an argument names.
func (r *resolver) storeArgument(name, text string) (string, error) {
	text, err := r.secret(text, "store")
	if err == nil {
		err = engines.Check(text)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

var errSameStore = errors.New("FROM and TO are the same store; name another for TO")

// tellApart finds out whether two URLs lead to one store, which would come to
// hold everything twice: names of hosts do not tell. It gives both the same empty
// batch, and one that knows it already is the other.
func (c *copier) tellApart(ctx context.Context) error {
	mark := wire.NewBuilder().Batch("copy-"+rand.Text(), 0)
	if _, err := c.append(ctx, mark); err != nil {
		return unfinished(err)
	}
	// If FROM does not take it, it is not the store that just did.
	fresh, err := c.from.Append(ctx, mark)
	if err == nil && !fresh[0] {
		return errSameStore
	}
	return nil
}

// copier copies from one store to another.
type copier struct {
	env      *environment
	from, to place
	source   string        // FROM's location
	patience time.Duration // for how long TO is asked to take what it refused
	now      func() time.Time
	screen   term.Screen
}

func (c *copier) run(ctx context.Context) error {
	begun := c.now()
	done, err := c.copy(ctx)
	if err != nil {
		return unfinished(err)
	}
	fmt.Fprintln(c.env.stdout, c.line(done, c.now().Sub(begun)))
	if done.read == (amounts{}) {
		return nil
	}
	found, err := c.check(ctx, done)
	if err != nil {
		return unfinished(err)
	}
	if found.differ > 0 {
		return badNews{c.difference(found)}
	}
	line := fmt.Sprintf("%s checked: both hold the same", term.Plural(found.hours, "hour"))
	if found.more != (amounts{}) {
		line = fmt.Sprintf("%s checked: %s holds all of it, and from elsewhere %v", term.Plural(found.hours, "hour"), c.to.name, found.more)
	}
	fmt.Fprintln(c.env.stdout, line)
	return nil
}

// unfinished says what to do about a copy that was not done to its end.
func unfinished(err error) error {
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return fmt.Errorf("%w; run the same command again, which counts nothing twice", err)
}

// line says what was copied.
func (c *copier) line(done *copied, took time.Duration) string {
	head := c.from.name + " -> " + c.to.name + ": "
	known := done.read.minus(done.fresh)
	switch {
	case done.read == (amounts{}):
		return head + "nothing to copy"
	case known == done.read:
		return head + known.String() + ", all of which were already there"
	}
	line := fmt.Sprintf("%s%v copied in %s", head, done.fresh, term.Seconds(took))
	if rate := float64(done.fresh.requests) / took.Seconds(); took > 0 && rate >= 1 {
		line += fmt.Sprintf(" (%s requests/s)", term.Thousands(int64(rate)))
	}
	if known != (amounts{}) {
		line += fmt.Sprintf("; %v were already there", known)
	}
	return line
}

// amounts are how much there is of what a store keeps.
type amounts struct{ requests, dropped, health int64 }

func (a amounts) plus(b amounts) amounts {
	return amounts{a.requests + b.requests, a.dropped + b.dropped, a.health + b.health}
}

func (a amounts) minus(b amounts) amounts {
	return amounts{a.requests - b.requests, a.dropped - b.dropped, a.health - b.health}
}

func (a amounts) String() string {
	return fmt.Sprintf("%s, %s and %s", term.Plural(a.requests, "request"), term.Plural(a.dropped, "dropped request"), term.Plural(a.health, "health result"))
}
