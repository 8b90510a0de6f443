package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/engines"
	"github.com/kymohq/kymo/hub/internal/text"
)

type retentionCommand struct {
	Lower string `placeholder:"TIME" help:"Lower the floor to this time, like 2026-11-16T10:00:00Z or 2026-11-16 (UTC)."`
	Store string `placeholder:"STORE" xor:"from" help:"Read a store that no hub has open, instead of asking a hub: a directory or a URL, as serve takes it."`
	JSON  bool   `name:"json" xor:"from" help:"Print what the API answers, as it came."`
	hubFlags
}

func (*retentionCommand) Help() string {
	return "Examples:\n\n" +
		"    $ kymo retention\n" +
		"    $ kymo retention --lower 2026-11-16\n" +
		"    $ kymo retention --store ./kymo-data --lower 2026-11-16T10:00:00Z\n\n" +
		"It prints the floor, the instant before which everything was deleted, and why it is there; which requests are taken; the " +
		"limits; and whether the hub trusts its clock.\n\n" +
		"A clock that was wrong may have raised the floor: then requests of now are refused as too old. With --lower requests from that " +
		"time on are taken again; what was deleted stays deleted. A hub lowers the floor to what its retention.age keeps at most, and needs its ingest token for that. " +
		"While a hub runs on a directory, ask the hub.\n\n" +
		"Exit status 1 means that the floor is in the future."
}

// errFutureFloor is the command's answer where only a clock that was wrong moves a floor.
var errFutureFloor = badNewsError{errors.New("the floor is in the future; once the clock is right, lower it with --lower TIME")}

// Run asks a hub or a store, and lowers the floor first if it is to.
func (c *retentionCommand) Run(env *environment) error {
	to, err := c.floor()
	if err != nil {
		return err
	}
	if c.Store != "" {
		return c.ofStore(env, to)
	}
	hub, err := c.client(env)
	if err != nil {
		return err
	}
	var r *report.Retention
	var body []byte
	if to.IsZero() {
		r, body, err = hub.Retention(env.ctx)
	} else {
		r, body, err = hub.LowerFloor(env.ctx, to)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		_, err = env.stdout.Write(body)
	} else {
		err = text.Retention(env.stdout, r)
	}
	if err == nil && r.Reason == report.FloorFuture {
		return errFutureFloor
	}
	return err
}

// floor returns the time of --lower, or zero.
func (c *retentionCommand) floor() (time.Time, error) {
	if c.Lower == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, c.Lower); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--lower: %q is not a time; write it like 2026-11-16T10:00:00Z or 2026-11-16", c.Lower)
}

// ofStore does without a hub.
func (c *retentionCommand) ofStore(env *environment, to time.Time) (err error) {
	name, err := storeArgument(settings.NewSecrets(env.vars), "--store", c.Store)
	if err != nil {
		return err
	}
	if err := engines.CheckExists(name); err != nil {
		return fmt.Errorf("--store: %w", err)
	}
	st, err := engines.Open(name, engines.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	f, ok := st.(store.Floorer)
	if !ok {
		return errors.New("this store has no floor")
	}
	if !to.IsZero() {
		if err := f.LowerFloor(env.ctx, to.UnixMilli()); err != nil {
			return err
		}
	}
	now := time.Now()
	if err := text.StoreFloor(env.stdout, f.Floor(), now); err != nil {
		return err
	}
	if f.Floor() > now.UnixMilli() {
		return errFutureFloor
	}
	return nil
}
