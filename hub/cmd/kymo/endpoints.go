package main

import (
	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
)

type endpointsCommand struct {
	queryFlags
	Sort  string `placeholder:"BY" help:"What to sort by, the largest first: requests (default), name, avg, p50, p95, p99, max, error_rate, client_error_rate or time_share."`
	Limit string `placeholder:"N" help:"At most this many endpoints."`
	hubFlags
}

func (*endpointsCommand) Help() string {
	return "Example:\n\n" +
		"    $ kymo endpoints --hours 1 --sort p95 --limit 20\n"
}

func (c *endpointsCommand) Run(env *environment) error {
	hub, err := c.client(env)
	if err != nil {
		return err
	}
	query := c.query()
	if c.Sort != "" {
		query.Set("sort", c.Sort)
	}
	if c.Limit != "" {
		query.Set("limit", c.Limit)
	}
	if c.JSON {
		return env.printAnswer(hub, client.EndpointsPath, query)
	}
	e, err := hub.Endpoints(env.ctx, query)
	if err != nil {
		return err
	}
	return text.Endpoints(env.stdout, term.ScreenOf(env.stdout, env.vars), e)
}
