package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/internal/wire"
)

type importCommand struct {
	Files   []string `arg:"" name:"file" help:"Files to import; - for standard input."`
	Format  string   `placeholder:"FORMAT" help:"csv or ndjson. Default: what the file's extension says."`
	Service string   `placeholder:"NAME" help:"The service whose requests they are, where a row does not say it. Default: default."`
	Timeout string   `placeholder:"DURATION" help:"How long to try again while the hub does not take a batch. Default: 1m."`
	hubFlags
}

func (*importCommand) Help() string {
	return "Example:\n\n" +
		"    $ kymo import --service orders last-week.csv\n" +
		"    $ zcat access.ndjson.gz | kymo import --format ndjson -\n\n" +
		"CSV has the columns start (Unix ms), endpoint, method, duration (ns), status, user (may be empty), " +
		"and no header. NDJSON has one PerformanceMetric on each line, as POST /api/v1/requests takes.\n\n" +
		"A file is read once before anything is sent: if a line of any file is bad, nothing is imported. " +
		"A file that is imported again, or after an interruption, counts nothing twice. " +
		"Standard input has no such second chance: it is sent as it is read.\n"
}

const stdinName = "standard input"

// source is one file to import.
type source struct {
	name    string // as the user gave it
	format  string
	service string
	// regular files can be read twice, so they are checked before they are sent
	// and known by their content.
	regular  bool
	size     int64
	instance string // the identity of its batches
}

func (c *importCommand) Run(env *environment) error {
	hub, err := c.client(env)
	if err != nil {
		return err
	}
	patience, err := parseDuration(cmp.Or(c.Timeout, "1m"))
	if err != nil {
		return fmt.Errorf("--timeout: %w", err)
	}
	service := cmp.Or(c.Service, ingest.DefaultService)
	if wire.Clean(service, wire.MaxService) != service {
		return fmt.Errorf("--service: must be at most %d bytes of UTF-8 without control characters", wire.MaxService)
	}
	var sources []*source
	for _, name := range c.Files {
		s, err := newSource(name, c.Format, service)
		if err != nil {
			return err
		}
		sources = append(sources, s)
	}
	imp := &importer{env: env, hub: hub, patience: patience, now: time.Now, screen: term.ScreenOf(env.stderr, env.vars)}
	for _, s := range sources {
		if err := imp.check(s); err != nil {
			return fmt.Errorf("%w; nothing was imported", err)
		}
	}
	var news error
	for _, s := range sources {
		done, err := imp.send(s)
		if err != nil {
			return err
		}
		fmt.Fprintln(env.stdout, done.line(s.name))
		if done.refused > 0 {
			news = badNews{errors.Join(news, done.refusal(s.name))}
		}
	}
	return news
}

func newSource(name, format, service string) (*source, error) {
	s := &source{name: name, service: service, format: format}
	if s.format == "" {
		s.format = strings.TrimPrefix(strings.ToLower(filepath.Ext(name)), ".")
		if s.format == "jsonl" {
			s.format = "ndjson"
		}
	}
	if readers[s.format] == nil {
		if format != "" {
			return nil, fmt.Errorf("--format: %q is not a format; it is csv or ndjson", format)
		}
		return nil, fmt.Errorf("%s: its name does not say the format; add --format csv or --format ndjson", name)
	}
	if name == "-" {
		s.name = stdinName
		return s, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s: is a directory; name the files in it", name)
	}
	s.regular, s.size = info.Mode().IsRegular(), info.Size()
	return s, nil
}

// open returns the source's bytes.
func (s *source) open(stdin io.Reader) (io.ReadCloser, error) {
	if s.name == stdinName && !s.regular {
		return io.NopCloser(stdin), nil
	}
	return os.Open(s.name)
}

// result says what became of a source's rows.
type result struct {
	rows, already, refused int64
	took                   time.Duration
}

func (r *result) line(name string) string {
	imported := r.rows - r.already - r.refused
	if r.already > 0 && r.already == r.rows {
		return fmt.Sprintf("%s: %s, all of which were already there", name, term.Plural(r.already, "row"))
	}
	line := fmt.Sprintf("%s: %s imported in %s", name, term.Plural(imported, "row"), term.Seconds(r.took))
	if rate := float64(imported) / r.took.Seconds(); r.took > 0 && imported > 0 {
		line += fmt.Sprintf(" (%s rows/s)", term.Thousands(int64(rate)))
	}
	if r.already > 0 {
		line += fmt.Sprintf("; %s were already there", term.Plural(r.already, "row"))
	}
	return line
}

func (r *result) refusal(name string) error {
	return fmt.Errorf("%s: %s refused, because they are older than what the hub keeps or lie in the future; "+
		"start the hub with a longer --retention-age", name, term.Plural(r.refused, "row"))
}
