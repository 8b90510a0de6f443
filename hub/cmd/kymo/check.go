package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/nearest"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
)

type checkCommand struct {
	Names  []string `arg:"" optional:"" name:"name" help:"Only these checks and services; then each of them counts as critical."`
	Config string   `placeholder:"FILE" help:"The hub's YAML file with the checks. Default: KYMO_CONFIG, or else ./kymo.yaml."`
	JSON   bool     `name:"json" help:"Print what GET /health would answer."`
}

func (*checkCommand) Help() string {
	return "Examples:\n\n" +
		"    $ kymo check --config kymo.yaml\n" +
		"    $ kymo check database redis --json | jq .checks.redis.details\n\n" +
		"Each check is run once, now, all at the same time and each within its own time limit. Neither a hub nor its " +
		"data is needed. Before anything is run the whole file is validated, with the verdict of kymo serve, and so the " +
		"secrets that it names must be there. " +
		"In the container of a service it is the health check:\n\n" +
		"    HEALTHCHECK --interval=30s --timeout=5s CMD [\"kymo\", \"check\", \"--config\", \"/etc/kymo.yaml\"]\n\n" +
		"Exit status: 0 fine, 1 a critical check is down (or one that was named), 2 usage or configuration.\n"
}

// defaultConfig is read if no other file is named.
const defaultConfig = "kymo.yaml"

func (c *checkCommand) Run(env *environment) error {
	source, err := c.source(env)
	if err != nil {
		return err
	}
	conf, err := settings.Load(source, makers)
	if err != nil {
		return err
	}
	all, err := targetsOf(conf)
	if err != nil {
		return err
	}
	defer closeTargets(all)
	chosen, err := c.choose(all, source.Path)
	if err != nil {
		return err
	}
	answer, err := runAll(env, chosen)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(env.stdout).Encode(answer)
	} else {
		err = text.Health(env.stdout, term.ScreenOf(env.stdout, env.vars), answer, answer.Timestamp)
	}
	if err != nil {
		return err
	}
	return c.verdict(answer)
}

// source is where the configuration comes from: without a name, a file beside.
func (c *checkCommand) source(env *environment) (settings.Source, error) {
	s := configSource(env, c.Config)
	if s.Path != "" {
		return s, nil
	}
	if _, err := os.Stat(defaultConfig); err != nil {
		return s, fmt.Errorf("no configuration: name one with --config FILE or KYMO_CONFIG, or start kymo check beside a %s", defaultConfig)
	}
	s.Path, s.Named = defaultConfig, ""
	return s, nil
}

// choose returns the targets that the user named, or all.
func (c *checkCommand) choose(all []*target, path string) ([]*target, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: has nothing to check; list checks, or services with a health URL", path)
	}
	if len(c.Names) == 0 {
		return all, nil
	}
	var names []string
	for _, t := range all {
		names = append(names, t.name)
	}
	var chosen []*target
	for _, name := range c.Names {
		i := slices.Index(names, name)
		if i < 0 {
			best, _ := nearest.Of(name, names)
			return nil, fmt.Errorf("%s: %s has no check and no polled service of this name; the nearest is %s", name, path, best)
		}
		if !slices.Contains(chosen, all[i]) {
			chosen = append(chosen, all[i])
		}
	}
	return chosen, nil
}

// runAll runs each target once, all of them at the same time.
func runAll(env *environment, targets []*target) (*health.Answer, error) {
	results := make([]health.Result, len(targets))
	errs := make([]error, len(targets))
	var running sync.WaitGroup
	for i, t := range targets {
		running.Go(func() {
			results[i], errs[i] = health.Run(env.ctx, t.probe, t.rules.Option())
		})
	}
	running.Wait()
	if env.ctx.Err() != nil {
		return nil, errors.New("stopped before all checks were run")
	}
	answer := &health.Answer{Status: health.Healthy, Timestamp: time.Now().UTC(), Checks: make(map[string]health.HealthCheck)}
	for i, t := range targets {
		answer.Checks[t.name] = t.plain(&results[i])
		switch seen := results[i].Status; {
		case seen == health.Down && t.rules.Critical:
			answer.Status = health.Down
		case seen != health.Healthy && answer.Status == health.Healthy:
			answer.Status = health.Degraded
		}
	}
	return answer, errors.Join(errs...)
}

// plain returns a result as GET /health has it. A single run is below every
// threshold, so its status is that of the check.
func (t *target) plain(r *health.Result) health.HealthCheck {
	at := r.At.UTC()
	c := health.HealthCheck{
		Service: t.name, Status: r.Status.Reported(), State: r.Status, ResponseTimeMS: r.Latency.Milliseconds(),
		Details: r.Details, CheckedAt: &at, Critical: t.rules.Critical, Stuck: r.Stuck, Reason: r.Reason,
	}
	if c.Details == nil {
		c.Details = json.RawMessage("{}")
	}
	return c
}

// verdict is bad news if something critical is down, or something that was asked for by name.
func (c *checkCommand) verdict(a *health.Answer) error {
	var down []string
	for _, name := range text.ByName(a.Checks) {
		if check := a.Checks[name]; check.Status == health.Down && (check.Critical || len(c.Names) > 0) {
			down = append(down, name)
		}
	}
	if len(down) == 0 {
		return nil
	}
	return badNewsError{fmt.Errorf("down: %s", strings.Join(down, ", "))}
}
