package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/store/engines"
)

type repairCommand struct {
	Directory string `arg:"" name:"DIR" help:"The directory that --store names."`
	Yes       bool   `help:"Repair it. Without this, kymo repair only reads."`
}

func (*repairCommand) Help() string {
	return "Examples:\n\n" +
		"    $ kymo repair ./kymo-data\n" +
		"    $ kymo repair --yes ./kymo-data\n\n" +
		"It reads all of a directory that no hub has open, and prints what is damaged. With --yes it makes the directory usable: it " +
		"rebuilds the database from what can be read, which takes as much room again, and prints what is lost. What it replaces stays in " +
		"the subdirectory damaged.\n\n" +
		"Exit status 1 means that the directory is damaged and was not repaired."
}

// Run inspects the directory, or repairs it.
func (c *repairCommand) Run(env *environment) error {
	// What happens is printed at the end; a log would be between the lines.
	options := engines.Options{Logger: slog.New(slog.DiscardHandler)}
	inspect := engines.Inspect
	if c.Yes {
		inspect = engines.Repair
	}
	found, err := inspect(c.Directory, options)
	if err != nil {
		return err
	}
	if len(found.Damage) == 0 {
		fmt.Fprintf(env.stdout, "%s is not damaged.\n", c.Directory)
		return nil
	}
	fmt.Fprintf(env.stdout, "%s is damaged:\n", c.Directory)
	for _, damage := range found.Damage {
		fmt.Fprintln(env.stdout, " ", damage)
	}
	if !c.Yes {
		return badNewsError{errors.New("nothing was changed; to repair it, run the command with --yes")}
	}
	fmt.Fprintf(env.stdout, "It is repaired, and has %s.\n", figure.Plural(int64(found.Kept), "request"))
	if found.Lost == "" {
		found.Lost = "nothing"
	}
	fmt.Fprintf(env.stdout, "Lost: %s.\n", found.Lost)
	for _, name := range found.Aside {
		fmt.Fprintf(env.stdout, "Put aside: %s in it, which you may delete.\n", name)
	}
	return nil
}
