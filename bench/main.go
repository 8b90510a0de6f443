// Command bench puts Kymo beside its peers in one run on one machine and prints
// what it measured as tables in markdown.
//
//	go run . -only middleware,histogram
//	go run . -events 1000000,10000000,100000000 -out table.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

// sections are the parts of the table, in their order.
var sections = []string{"middleware", "histogram", "checks", "ingest", "dashboard", "report", "size", "memory"}

type options struct {
	only        []string
	events      []int
	count       int
	turn        time.Duration
	connections int
	postgresMax int
	hub         string
	out         string
}

func parse(args []string, stderr io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", strings.Join(sections, ","), "sections to measure")
	events := flags.String("events", "1000000,10000000", "numbers of events that reports, sizes and memory are measured with")
	flags.IntVar(&o.count, "count", 5, "rounds, whose median counts")
	flags.DurationVar(&o.turn, "turn", 400*time.Millisecond, "how long a contender runs in a round of middleware, histogram and, ten times that, of checks")
	flags.IntVar(&o.connections, "connections", 4, "connections on which batches are sent at once")
	flags.IntVar(&o.postgresMax, "postgres-max", 10_000_000, "most events that PostgreSQL is loaded with")
	flags.StringVar(&o.hub, "hub", "../hub", "sources of the hub's module, to build kymo from")
	flags.StringVar(&o.out, "out", "", "file to write the table to as well")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	o.only = strings.Split(*only, ",")
	for _, s := range o.only {
		if !slices.Contains(sections, s) {
			return nil, fmt.Errorf("%w: -only: no section %q; there are %s", errUsage, s, strings.Join(sections, ", "))
		}
	}
	for text := range strings.SplitSeq(*events, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1000 {
			return nil, fmt.Errorf("%w: -events: %q is not a number of at least 1000", errUsage, text)
		}
		o.events = append(o.events, n)
	}
	slices.Sort(o.events)
	if o.count < 1 || o.connections < 1 || o.turn <= 0 || flags.NArg() > 0 {
		return nil, fmt.Errorf("%w: -count, -connections and -turn must be above 0, and there are no arguments", errUsage)
	}
	return &o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.out != "" {
		var f *os.File
		if f, err = os.Create(o.out); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		stdout = io.MultiWriter(stdout, f)
	}
	b := &bench{options: o, out: stdout, log: stderr, started: time.Now()}
	return b.run(ctx)
}
