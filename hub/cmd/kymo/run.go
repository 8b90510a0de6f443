package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/fileimport"
	"github.com/kymohq/kymo/hub/internal/term"
)

// Exit statuses.
const (
	exitOK      = 0 // done, and nothing is wrong
	exitBadNews = 1 // done, and the answer is bad news
	exitFailed  = 2 // not done: usage, configuration, or the hub could not be reached
)

// badNewsError is an error that is the command's answer, not its failure.
type badNewsError struct{ error }

// commands is the command line.
type commands struct {
	Serve     serveCommand     `cmd:"" help:"Run the hub."`
	Demo      demoCommand      `cmd:"" help:"Watch Kymo measure a small shop under load."`
	Report    reportCommand    `cmd:"" help:"Print the performance report of the last hours."`
	Endpoints endpointsCommand `cmd:"" help:"Print the report's numbers for each endpoint."`
	Health    healthCommand    `cmd:"" help:"Print the status of all that the hub checks, or the history of one check."`
	Check     checkCommand     `cmd:"" help:"Run the configured checks once, now, without a hub."`
	Import    importCommand    `cmd:"" help:"Send requests recorded in files to the hub."`
	Copy      copyCommand      `cmd:"" help:"Copy all data from one store to another."`
	Snapshot  snapshotCommand  `cmd:"" help:"Copy the data of a running hub to a directory."`
	Repair    repairCommand    `cmd:"" help:"List the damage in a hub's directory, and repair it."`
	Retention retentionCommand `cmd:"" help:"Show since when requests are kept and why, and lower a floor that a wrong clock raised."`
	Config    configCommand    `cmd:"" help:"Check a configuration file."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

// helpVars are the parts of the help of flags that come from other packages.
var helpVars = kong.Vars{"formats": fileimport.Formats()}

const description = `Kymo measures HTTP services and keeps every request.

Try it: kymo demo. The help of a command: kymo help COMMAND.

Exit status: 0 fine, 1 the answer is bad news, 2 it could not be done (usage, configuration, hub not reachable).`

// environment is what a command may touch of the process it runs in.
type environment struct {
	ctx    context.Context // done when the process is asked to stop
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	vars   map[string]string // the environment variables
}

// helpShown unwinds kong's parser after it has printed the help.
type helpShown struct{ status int }

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) (status int) {
	env := &environment{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, vars: make(map[string]string)}
	for _, v := range environ {
		if name, value, ok := strings.Cut(v, "="); ok {
			env.vars[name] = value
		}
	}
	defer func() {
		if r := recover(); r != nil {
			shown, ok := r.(helpShown)
			if !ok {
				panic(r)
			}
			status = shown.status
		}
	}()
	parser := kong.Must(&commands{}, helpVars,
		kong.Name("kymo"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(func(status int) { panic(helpShown{status}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoAppDescFormat: true}),
	)
	if len(args) == 0 {
		args = []string{"--help"}
		status = exitFailed
		parser.Stdout = stderr
		parser.Exit = func(int) { panic(helpShown{exitFailed}) }
	}
	command, err := parser.Parse(expand(args))
	if err != nil {
		return env.fail(usageError(parser, err))
	}
	return env.fail(command.Run(env))
}

// fail prints the error, if there is one, as one line, or a line for each error of a
// configuration, and returns the exit status.
func (env *environment) fail(err error) int {
	if err == nil {
		return exitOK
	}
	if wrong, ok := errors.AsType[config.Errors](err); ok {
		for _, one := range wrong {
			fmt.Fprintln(env.stderr, "kymo:", term.OneLine(one.Error()))
		}
		return exitFailed
	}
	fmt.Fprintln(env.stderr, "kymo:", term.OneLine(err.Error()))
	if errors.As(err, new(badNewsError)) {
		return exitBadNews
	}
	return exitFailed
}
