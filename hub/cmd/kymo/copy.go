package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/retry"
	"github.com/kymohq/kymo/hub/internal/store/engines"
	"github.com/kymohq/kymo/hub/internal/storecopy"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
)

type copyCommand struct {
	From    string `arg:"" help:"The store to read: a directory or a URL, as serve takes it with --store."`
	To      string `arg:"" help:"The store to write, in the same form."`
	Service string `placeholder:"NAME" default:"default" help:"The service of requests that name none, in a table that Kymo did not make. Default: ${default}."`
	Timeout string `placeholder:"DURATION" help:"How long to retry writes to TO. Default: 1m."`
}

func (*copyCommand) Help() string {
	return "Examples:\n\n" +
		"    $ kymo copy ./kymo-data postgres://kymo@db.internal/kymo\n" +
		"    $ OLD=postgres://… NEW=clickhouse://… kymo copy env:OLD env:NEW\n" +
		"    $ kymo copy --service shop postgres://app@db.internal/app ./kymo-data\n\n" +
		"Everything is copied: requests, counts of dropped ones, and health results. FROM stays as it is. Stop the hub that " +
		"writes to FROM first: what comes into an hour that was copied is not copied any more. TO may hold other data, and a hub may run on " +
		"it; one that keeps less (--retention-age) forgets again what is older. " +
		"FROM may be a PostgreSQL database with a table api_metrics that Kymo did not make: see docs/postgres.md.\n\n" +
		"The same command again within 168 h, after an interruption or after it finished, counts nothing twice. FROM is identified by its absolute path, " +
		"or by its host, database and search_path as they are written: under another name its data would count again.\n\n" +
		"At the end both stores are read once more and compared hour by hour. TO must hold what FROM holds: of each service, endpoint, method " +
		"and status as many requests, with the same histogram of durations; of each service and reason as many dropped requests; and as many " +
		"health results. It may hold more, from elsewhere; of a series of which it does, only the number is compared. " +
		"And it must hold what it held before and what it took as new. " +
		"Exit status: 0 if so, 1 if not, 2 if it was not done.\n"
}

func (c *copyCommand) Run(env *environment) (err error) {
	patience, err := settings.Duration(cmp.Or(c.Timeout, "1m"))
	if err != nil {
		return fmt.Errorf("--timeout: %w", err)
	}
	secrets := settings.NewSecrets(env.vars)
	from, err := storeArgument(secrets, "FROM", c.From)
	if err != nil {
		return err
	}
	to, err := storeArgument(secrets, "TO", c.To)
	if err != nil {
		return err
	}
	if engines.Location(from) == engines.Location(to) {
		return storecopy.ErrSameStore
	}
	if err := engines.CheckExists(from); err != nil {
		return fmt.Errorf("FROM: %w", err)
	}
	// A failure is returned by what fails; a log would be between the lines.
	options := engines.Options{Logger: slog.New(slog.DiscardHandler)}
	reading := options
	reading.Service = c.Service
	source, err := engines.Open(from, reading)
	if err != nil {
		return fmt.Errorf("FROM: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := engines.Open(to, options)
	if err != nil {
		return fmt.Errorf("TO: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	cp := &storecopy.Copier{
		From:   storecopy.Place{Store: source, Name: engines.Show(from)},
		To:     storecopy.Place{Store: target, Name: engines.Show(to)},
		Source: engines.Location(from),
		Retry:  retry.Policy{Patience: patience},
	}
	// Two directories that are one cannot be opened at once.
	if engines.Remote(from) && engines.Remote(to) {
		if err := cp.TellApart(env.ctx); errors.Is(err, storecopy.ErrSameStore) {
			return err
		} else if err != nil {
			return unfinished(err)
		}
	}
	return copyAndCheck(env, cp, term.ScreenOf(env.stderr, env.vars))
}

// storeArgument returns the store that an argument names.
func storeArgument(secrets *settings.Secrets, name, value string) (string, error) {
	store, err := secrets.Resolve(value, "store")
	if err == nil {
		err = engines.Check(store)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return store, nil
}

// copyAndCheck copies, compares the stores and prints a line on each.
func copyAndCheck(env *environment, c *storecopy.Copier, s term.Screen) error {
	bars := term.NewBars(env.stderr, s)
	defer bars.Clear()
	c.Progress = func(p storecopy.Phase, done, total int64) { bars.Show(p.String(), done, done, total) }
	begun := time.Now()
	if plain, ok := c.From.Store.(storecopy.Hourly); ok {
		if _, leftOut, err := plain.ByHour(env.ctx); err == nil && leftOut > 0 {
			fmt.Fprintf(env.stdout, "%s of api_metrics cannot be requests, and are left out\n", figure.Plural(leftOut, "row"))
		}
	}
	done, err := c.Copy(env.ctx)
	if err != nil {
		return unfinished(err)
	}
	bars.Clear()
	fmt.Fprintln(env.stdout, text.Copied(c, done, time.Since(begun)))
	if done.Read == (storecopy.Amounts{}) {
		return nil
	}
	found, err := c.Check(env.ctx, done)
	if err != nil {
		return unfinished(err)
	}
	bars.Clear()
	if found.Differ > 0 {
		return badNewsError{errors.New(text.Difference(c, found))}
	}
	fmt.Fprintln(env.stdout, text.Checked(c, found))
	return nil
}

var errInterrupted = errors.New("interrupted")

// unfinished is the error of a copy that did not get to its end, with what to do
// about it.
func unfinished(err error) error {
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return fmt.Errorf("%w; run the same command again, which counts nothing twice", err)
}
