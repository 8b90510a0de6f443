package main

import (
	"errors"
	"fmt"

	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/store/engines"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Report every error that kymo serve would find in a configuration file."`
}

type configCheckCommand struct {
	File string `arg:"" placeholder:"FILE" help:"The YAML file."`
}

func (*configCheckCommand) Help() string {
	return "Examples:\n\n" +
		"    $ kymo config check kymo.yaml\n" +
		"    kymo.yaml: ok: 3 checks, 1 service, listening on 127.0.0.1:5966, store ./kymo-data\n\n" +
		"It reads the file, the environment variables KYMO_… and the secrets that they name as kymo serve does, and " +
		"has the same verdict. Nothing is opened and nothing contacted.\n\n" +
		"Exit status: 0 fine, 2 wrong; each line is one error.\n"
}

func (c *configCheckCommand) Run(env *environment) error {
	if c.File == "" {
		return errors.New("FILE: is empty; name the YAML file, like kymo.yaml")
	}
	conf, err := settings.Load(settings.Source{Path: c.File, Named: "FILE", Vars: env.vars}, makers)
	if err != nil {
		return err
	}
	for _, warning := range conf.Warnings {
		if _, err := fmt.Fprintln(env.stderr, "kymo: warning:", warning); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(env.stdout, "%s: ok: %s, %s, listening on %s, store %s\n", c.File,
		figure.Plural(int64(len(conf.Checks)), "check"), figure.Plural(int64(len(conf.Services)), "service"),
		conf.Listen, engines.Show(conf.Store))
	return err
}
