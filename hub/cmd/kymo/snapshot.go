package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/snapshot"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/engines"
	"github.com/kymohq/kymo/hub/internal/term"
)

type snapshotCommand struct {
	hubFlags

	Directory string `arg:"" name:"DIR" help:"The directory to make. It must not exist, or be empty."`
}

func (*snapshotCommand) Help() string {
	return "Examples:\n\n" +
		"    $ kymo snapshot /backup/kymo-2026-11-27\n" +
		"    $ kymo snapshot --hub http://hub.internal:5966 --token file:/run/secrets/kymo-read ./copy\n" +
		"    $ kymo serve --store ./copy\n\n" +
		"DIR becomes a copy of all that a hub keeps in its directory, at one instant, while it goes on: every request that was " +
		"acknowledged before is in it, and the identities of batches are, so that what is sent again counts once there, too. A hub starts on it as on its " +
		"own directory. A hub with a read token wants that.\n\n" +
		"The copy is read once more at the end. Until then it is in a directory beside DIR, whose name begins with a dot; it becomes DIR when it is " +
		"whole, and is removed otherwise. Of a hub with PostgreSQL or ClickHouse, make backups with the tools of those.\n\n" +
		"Exit status: 0 if DIR is there, 1 if it is but has damaged parts, as the hub's own directory has, 2 if it was not made.\n"
}

func (c *snapshotCommand) Run(env *environment) (err error) {
	hub, err := c.client(env)
	if err != nil {
		return err
	}
	draft, err := snapshot.NewDraft(c.Directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, draft.Discard()) }()
	begun := time.Now()
	got, err := receive(env, hub, draft)
	if err != nil {
		return c.unfinished(env, hub, err)
	}
	found, err := engines.Inspect(draft.Dir, engines.Options{Logger: slog.New(slog.DiscardHandler)})
	switch {
	case errors.Is(err, store.ErrVersion):
		return fmt.Errorf("the hub at %s is newer than this command; use its own version of kymo", hub)
	case err != nil:
		return fmt.Errorf("the copy cannot be read: %w", err)
	}
	if err := draft.Commit(); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%s -> %s: %s in %s copied %s; to start a hub on it: kymo serve --store %s\n",
		hub, c.Directory, figure.Bytes(got.Bytes), figure.Plural(int64(got.Files), "file"), term.Took(time.Since(begun), 0, ""), c.Directory)
	if len(found.Damage) > 0 {
		return badNewsError{fmt.Errorf("the hub's store is damaged, and so is its copy (%s); run: kymo repair %s",
			strings.ReplaceAll(strings.Join(found.Damage, "; "), draft.Dir, c.Directory), c.Directory)}
	}
	return nil
}

// receive reads a snapshot of the hub into the draft.
func receive(env *environment, hub *client.Client, draft *snapshot.Draft) (snapshot.Amount, error) {
	stream, bytes, err := hub.Snapshot(env.ctx)
	if err != nil {
		return snapshot.Amount{}, err
	}
	defer stream.Close()
	if room, known := engines.Room(draft.Dir); known && room < bytes {
		return snapshot.Amount{}, fmt.Errorf("the copy takes %s, and %s has room for %s; make some, or name a directory on another disk",
			figure.Bytes(bytes), filepath.Dir(draft.Dir), figure.Bytes(room))
	}
	bar := term.NewByteProgress(env.stderr, term.ScreenOf(env.stderr, env.vars), time.Now, "snapshot", bytes)
	defer bar.Clear()
	return draft.Receive(stream, func(done int64) { bar.Show(done, done) })
}

// unfinished returns the error of a snapshot that was not received, with what to do.
func (c *snapshotCommand) unfinished(env *environment, hub *client.Client, err error) error {
	var cut *snapshot.CutError
	switch {
	case env.ctx.Err() != nil:
		return fmt.Errorf("%w; there is no %s", errInterrupted, c.Directory)
	case errors.As(err, new(*client.UnreachableError)):
		return fmt.Errorf("%w; of a hub that is stopped, copy the directory itself", err)
	case errors.As(err, &cut):
		return fmt.Errorf("the hub at %s ended the copy before it was whole (%w); its log has the reason; run the command again", hub, cut.Err)
	}
	return err
}
