package main

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/healthwatch"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
)

type healthCommand struct {
	Name  string `arg:"" optional:"" help:"Print the history of this check or service instead."`
	Hours string `placeholder:"N" help:"With a name: length of the history, 1 to 2160 hours (90 days). Default: 24."`
	Watch bool   `help:"Keep running and show changes until Ctrl-C."`
	JSON  bool   `name:"json" help:"Print what the API answers, as it came; with --watch, one answer after another."`
	hubFlags
}

func (*healthCommand) Help() string {
	return "Examples:\n\n" +
		"    $ kymo health\n" +
		"    $ kymo health --watch | tee changes.log\n" +
		"    $ kymo health database --hours 168\n\n" +
		"In the container of a hub it is the health check:\n\n" +
		"    HEALTHCHECK --interval=30s --timeout=5s CMD [\"kymo\", \"health\"]\n\n" +
		"Exit status: 0 healthy or degraded, 1 down (with a name: if that is down), 2 the hub could not be reached.\n"
}

// maxHistoryHours is the longest history that a hub answers with.
const maxHistoryHours = 2160

func (c *healthCommand) Run(env *environment) error {
	switch {
	case c.Name == "" && c.Hours != "":
		return errors.New("--hours: is about a history; name a check, like kymo health database --hours 168")
	case c.Name != "" && c.Watch:
		return errors.New("--watch: shows all checks; leave the name out")
	}
	query := url.Values{"name": {c.Name}}
	if err := setNumber(query, "hours", c.Hours, 1, maxHistoryHours); err != nil {
		return err
	}
	hub, err := c.client(env)
	if err != nil {
		return err
	}
	switch {
	case c.Name != "":
		return c.history(env, hub, query)
	case c.Watch:
		w := healthwatch.Watch{
			Hub: hub, Stdout: env.stdout, Stderr: env.stderr, Screen: term.ScreenOf(env.stdout, env.vars), JSON: c.JSON,
		}
		return w.Run(env.ctx)
	}
	answer, body, err := hub.Health(env.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		_, err = env.stdout.Write(body)
	} else {
		err = text.Health(env.stdout, term.ScreenOf(env.stdout, env.vars), answer, time.Now())
	}
	if err == nil && answer.Status == health.Down {
		err = badNewsError{errors.New(text.Overall(answer))}
	}
	return err
}

// history prints how a check did in the last hours.
func (c *healthCommand) history(env *environment, hub *client.Client, query url.Values) error {
	h, body, err := hub.History(env.ctx, query)
	if refused, ok := errors.AsType[*client.RefusalError](err); ok && refused.Wrong["name"] != "" {
		return fmt.Errorf("NAME: %s", refused.Wrong["name"])
	}
	if err != nil {
		return err
	}
	if c.JSON {
		_, err = env.stdout.Write(body)
	} else {
		err = text.History(env.stdout, term.ScreenOf(env.stdout, env.vars), h)
	}
	if err == nil && h.Status == health.Down.String() {
		err = badNewsError{fmt.Errorf("%s is down", h.Name)}
	}
	return err
}
