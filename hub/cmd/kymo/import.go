package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/fileimport"
	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/retry"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
	"github.com/kymohq/kymo/internal/wire"
)

type importCommand struct {
	Files   []string `arg:"" name:"file" help:"Files to import; - for standard input."`
	Format  string   `placeholder:"FORMAT" help:"${formats}. Default: by the file's extension."`
	Service string   `placeholder:"NAME" help:"The service of rows that name none. Default: default."`
	Timeout string   `placeholder:"DURATION" help:"How long to retry a batch that the hub does not accept. Default: 1m."`
	hubFlags
}

func (*importCommand) Help() string {
	return "Example:\n\n" +
		"    $ kymo import --service orders last-week.csv\n" +
		"    $ zcat access.ndjson.gz | kymo import --format ndjson -\n\n" +
		fileimport.AboutFormats() + "\n\n" +
		"A file is read once before anything is sent: if a line of any file is bad, nothing is imported. " +
		"A file that is imported again, or after an interruption, counts nothing twice. " +
		"Standard input cannot be read twice, so it is sent as it is read.\n"
}

func (c *importCommand) Run(env *environment) error {
	hub, err := c.client(env)
	if err != nil {
		return err
	}
	patience, err := settings.Duration(cmp.Or(c.Timeout, "1m"))
	if err != nil {
		return fmt.Errorf("--timeout: %w", err)
	}
	service := cmp.Or(c.Service, ingest.DefaultService)
	if problem := wire.TextProblem(service, wire.MaxService); problem != "" {
		return fmt.Errorf("--service: %s", problem)
	}
	var sources []*fileimport.Source
	for _, name := range c.Files {
		s, err := fileimport.NewSource(name, c.Format, service)
		if err != nil {
			return err
		}
		sources = append(sources, s)
	}
	bars := term.NewBars(env.stderr, term.ScreenOf(env.stderr, env.vars))
	defer bars.Clear()
	imp := &fileimport.Importer{
		Hub: hub, Retry: retry.Policy{Patience: patience}, Stdin: env.stdin,
		Progress: func(p fileimport.Phase, s *fileimport.Source, rows, bytes int64) {
			bars.Show(p.String()+" "+s.Name(), rows, bytes, s.Size())
		},
	}
	for _, s := range sources {
		if err := imp.Check(env.ctx, s); err != nil {
			return fmt.Errorf("%w; nothing was imported", err)
		}
	}
	var news error
	for _, s := range sources {
		done, err := imp.Send(env.ctx, s)
		bars.Clear()
		if err != nil {
			return err
		}
		fmt.Fprintln(env.stdout, text.Imported(s.Name(), done))
		if done.Refused > 0 {
			news = badNewsError{errors.Join(news, errors.New(text.Refused(s.Name(), done)))}
		}
	}
	return news
}
