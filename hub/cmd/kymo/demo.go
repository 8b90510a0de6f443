package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/demo"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/webserver"
)

type demoCommand struct {
	For   string `placeholder:"DURATION" help:"Stop after this long. Default: at Ctrl-C."`
	Rate  string `placeholder:"N" default:"300" help:"Requests a second, 1 to 2000. Default: ${default}."`
	Store string `placeholder:"DIR" help:"Keep the data in this directory. Default: a temporary one, which is removed at the end."`
}

func (*demoCommand) Help() string {
	return "Example:\n\n" +
		"    $ kymo demo --for 30s\n\n" +
		"The demo runs a hub, a small shop whose routes the SDK watches, stand-ins for the shop's PostgreSQL and Redis, " +
		"which the hub checks, and customers who use the shop over HTTP. On a terminal a key makes trouble, elsewhere " +
		"the same letter and Enter on standard input:\n\n" +
		"    d  stops the database, or starts it again\n" +
		"    s  makes the database slow, or as fast as before\n" +
		"    f  freezes the database, or thaws it\n" +
		"    r  stops redis, or starts it again\n" +
		"    q  ends the demo, as Ctrl-C does\n\n" +
		"It ends with the hub's report, and checks that the hub counted just the requests that were sent.\n"
}

// maxRate is how many requests a second the demo sends at the most.
const maxRate = 2000

func (c *demoCommand) Run(env *environment) (err error) {
	rate, err := wholeNumber("--rate", c.Rate, 1, maxRate)
	if err != nil {
		return err
	}
	var length time.Duration
	if c.For != "" {
		if length, err = settings.Duration(c.For); err != nil {
			return fmt.Errorf("--for: %w", err)
		}
	}
	dir := c.Store
	if dir == "" {
		if dir, err = os.MkdirTemp("", "kymo-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	return runDemo(env, dir, demo.Config{
		Rate: rate, Length: length, Stdin: env.stdin, Stdout: env.stdout, Screen: term.ScreenOf(env.stdout, env.vars),
		Logger: newLogger(env.stderr, slog.LevelError),
	})
}

// runDemo runs the demo with backends and a hub of its own, whose data is in dir, and
// prints its result.
func runDemo(env *environment, dir string, c demo.Config) (err error) {
	if c.Backends, err = demo.StartBackends(); err != nil {
		return err
	}
	defer c.Backends.Stop()
	conf := config.Default()
	conf.Store, conf.Checks = dir, c.Backends.Checks()
	conf.Places = config.Places{"store": {Path: "--store"}}
	if err := conf.Validate(makers); err != nil {
		return err
	}
	h, err := openHub(conf, c.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeHub(h)) }()
	l, err := webserver.Listen(defaultListen)
	if err != nil {
		fmt.Fprintf(env.stderr, "%s is taken; the demo's hub takes a free port instead\n", defaultListen)
		if l, err = webserver.Listen("127.0.0.1:0"); err != nil {
			return err
		}
	}
	server := webserver.Start(l, h, c.Logger)
	defer func() { err = errors.Join(err, server.Stop(webserver.StopTime)) }()
	if c.Hub, err = client.New(server.URL(), ""); err != nil {
		return err
	}
	result, err := demo.Run(env.ctx, c)
	if err != nil {
		return err
	}
	if err := result.Print(c.Stdout, c.Screen); err != nil {
		return err
	}
	if problem := result.Problem(); problem != "" {
		return badNewsError{errors.New(problem)}
	}
	return nil
}
