package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/checkup"
	"github.com/kymohq/kymo/hub/internal/config/settings"
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
		"On a terminal it prints a table, elsewhere one line per check, those that are not healthy first.\n\n" +
		"Exit status: 0 fine, 1 a critical check is down, 2 usage or configuration. Checks that are named are critical, " +
		"and so are all if the file marks none.\n"
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
	all, err := checkup.NewTargets(conf, makers)
	if err != nil {
		return err
	}
	defer checkup.Close(all)
	picked, err := checkup.Pick(all, c.Names, source.Path)
	if err != nil {
		return c.hinted(err)
	}
	answer, err := checkup.Run(env.ctx, picked)
	if err != nil {
		return err
	}
	switch screen := term.ScreenOf(env.stdout, env.vars); {
	case c.JSON:
		err = json.NewEncoder(env.stdout).Encode(answer)
	case screen.Terminal:
		err = text.Health(env.stdout, screen, answer, answer.Timestamp)
	default:
		err = text.Checks(env.stdout, answer)
	}
	if err != nil {
		return err
	}
	return verdict(answer)
}

// source returns where the configuration is: without a name, in the working directory.
func (c *checkCommand) source(env *environment) (settings.Source, error) {
	s := configSource(env, c.Config)
	if s.Path != "" {
		return s, nil
	}
	if _, err := os.Stat(defaultConfig); err != nil {
		return s, c.hinted(fmt.Errorf("no configuration: name one with --config FILE or KYMO_CONFIG, or start kymo check beside a %s", defaultConfig))
	}
	s.Path, s.Named = defaultConfig, ""
	return s, nil
}

// hinted returns err with how to name a configuration, if one was given as an argument.
func (c *checkCommand) hinted(err error) error {
	for _, name := range c.Names {
		if ext := filepath.Ext(name); ext == ".yaml" || ext == ".yml" {
			return fmt.Errorf("%w; if %s is the configuration, write --config %s", err, name, name)
		}
	}
	return err
}

// verdict is bad news if something critical is down.
func verdict(a *health.Answer) error {
	var down []string
	for _, name := range text.ByName(a.Checks) {
		if check := a.Checks[name]; check.Status == health.Down && check.Critical {
			down = append(down, name)
		}
	}
	if len(down) == 0 {
		return nil
	}
	return badNewsError{fmt.Errorf("down: %s", strings.Join(down, ", "))}
}
