package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/nearest"
	"github.com/kymohq/kymo/hub/internal/report"
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

// maxEndpoints is how many rows a hub returns at the most.
const maxEndpoints = 10_000

// query is that of a report, with the order and the number of its rows.
func (c *endpointsCommand) query() (url.Values, error) {
	query, err := c.queryFlags.query()
	if err != nil {
		return nil, err
	}
	if c.Sort != "" {
		query.Set("sort", c.Sort)
		if err := checkOrder(c.Sort); err != nil {
			return nil, err
		}
	}
	return query, setNumber(query, "limit", c.Limit, 1, maxEndpoints)
}

// checkOrder returns what is wrong with the value of --sort.
func checkOrder(order string) error {
	var orders []string
	for _, known := range report.Orders {
		orders = append(orders, string(known))
	}
	if slices.Contains(orders, order) {
		return nil
	}
	did := ""
	if likely := nearest.Likely(order, orders); likely != "" {
		did = fmt.Sprintf("; did you mean %q?", likely)
	}
	return fmt.Errorf("--sort: %q is not an order; it is one of %s%s", order, strings.Join(orders, ", "), did)
}

func (c *endpointsCommand) Run(env *environment) error {
	query, err := c.query()
	if err != nil {
		return err
	}
	return c.ask(env, &c.hubFlags, client.EndpointsPath, query, func(hub *client.Client) error {
		e, err := hub.Endpoints(env.ctx, query)
		if err != nil {
			return err
		}
		return text.Endpoints(env.stdout, term.ScreenOf(env.stdout, env.vars), e)
	})
}
