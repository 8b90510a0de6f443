package main

import (
	"fmt"
	"net/url"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
)

// queryFlags select what a report is over.
type queryFlags struct {
	Hours    string `placeholder:"N" help:"Length of the window that ends now, 1 to 168 hours. Default: 24."`
	Service  string `placeholder:"NAME" help:"Only this service."`
	Endpoint string `placeholder:"ROUTE" help:"Only this route template, like /users/{id}."`
	Method   string `placeholder:"NAME" help:"Only this HTTP method."`
	JSON     bool   `name:"json" help:"Print what the API answers, as it came."`
}

func (f *queryFlags) query() (url.Values, error) {
	q := url.Values{}
	for name, value := range map[string]string{"service": f.Service, "endpoint": f.Endpoint, "method": f.Method} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q, setNumber(q, "hours", f.Hours, 1, client.MaxHours)
}

// ask asks the hub and prints its answer: by show, or with --json as it came from
// the path.
func (f *queryFlags) ask(env *environment, flags *hubFlags, path string, query url.Values, show func(*client.Client) error) error {
	hub, err := flags.client(env)
	if err != nil {
		return err
	}
	if !f.JSON {
		return show(hub)
	}
	body, _, err := hub.Get(env.ctx, path, query)
	if err == nil {
		_, err = env.stdout.Write(body)
	}
	return err
}

type reportCommand struct {
	queryFlags
	hubFlags
}

func (*reportCommand) Help() string {
	return "Example:\n\n" +
		"    $ kymo report --hours 24 --service orders\n" +
		"    $ kymo report --json | jq .p95_response_time\n"
}

func (c *reportCommand) Run(env *environment) error {
	query, err := c.query()
	if err != nil {
		return err
	}
	return c.ask(env, &c.hubFlags, client.PerformancePath, query, func(hub *client.Client) error {
		p, err := hub.Performance(env.ctx, query)
		if err != nil {
			return err
		}
		fmt.Fprintln(env.stdout, text.Window(p.Window))
		return text.Report(env.stdout, term.ScreenOf(env.stdout, env.vars), p)
	})
}
