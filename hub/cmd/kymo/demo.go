package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub"
	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
)

type demoCommand struct {
	For   string `placeholder:"DURATION" help:"End by itself after so long. Default: at Ctrl-C."`
	Rate  int    `placeholder:"N" default:"300" help:"Requests a second, 1 to 2000. Default: ${default}."`
	Store string `placeholder:"DIR" help:"Keep the data in this folder. Default: a temporary one, which is removed at the end."`
}

func (*demoCommand) Help() string {
	return "Example:\n\n" +
		"    $ kymo demo --for 30s\n\n" +
		"The demo runs a hub, a small shop whose routes the SDK watches, stand-ins for the shop's PostgreSQL and Redis, " +
		"which the hub checks, and customers who use the shop over HTTP. On a terminal a key makes trouble, elsewhere " +
		"the same letter and Enter on standard input:\n\n" +
		"    d  stops the database, or starts it again\n" +
		"    s  makes the database slow, or as fast as before\n" +
		"    f  freezes the database, or thaws it\n" +
		"    r  stops redis, or starts it again\n" +
		"    q  ends the demo, as Ctrl-C does\n\n" +
		"It ends with the hub's report, and checks that the hub counted just the requests that were sent.\n"
}

// demo is a running demo. Its parts stop in the order load, shop, monitor, hub,
// so that each still has everything it needs to finish.
type demo struct {
	hub     *client.Client
	service string
	shopURL string
	monitor *kymo.Monitor
	load    *load
	begun   time.Time
	// controls have what the shop stands on.
	controls *controls
}

func (c *demoCommand) Run(env *environment) (err error) {
	if c.Rate < 1 || c.Rate > 2000 {
		return fmt.Errorf("--rate: %d is out of range; write 1 to 2000 requests a second", c.Rate)
	}
	ctx, quit := context.WithCancel(env.ctx)
	defer quit()
	if c.For != "" {
		d, err := parseDuration(c.For)
		if err != nil {
			return fmt.Errorf("--for: %w", err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	logger := slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: slog.LevelError}))

	settings := defaultSettings()
	if settings.store = c.Store; c.Store == "" {
		dir, err := os.MkdirTemp("", "kymo-demo-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		settings.store = dir
	}
	controls := newControls(quit)
	if err := errors.Join(controls.database.start(), controls.redis.start()); err != nil {
		return err
	}
	defer controls.database.stop()
	defer controls.redis.stop()
	settings.checks = demoChecks(controls)
	h, err := settings.openHub(logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	l, err := listen(defaultListen)
	if err != nil {
		fmt.Fprintf(env.stderr, "%s is taken; the demo's hub takes a free port instead\n", defaultListen)
		if l, err = listen("127.0.0.1:0"); err != nil {
			return err
		}
	}
	hubServer := serveOn(l, h, logger)
	defer func() { err = errors.Join(err, hubServer.stop(stopTime)) }()

	asker, err := (&hubFlags{Hub: hubServer.url}).client(&environment{})
	if err != nil {
		return err
	}
	d := &demo{hub: asker, begun: time.Now(), controls: controls}
	if d.service, err = d.freeService(env.ctx); err != nil {
		return err
	}
	return d.run(ctx, env, c.Rate, logger)
}

// demoChecks are what the demo's hub looks at.
func demoChecks(c *controls) []hub.Check {
	return []hub.Check{
		{Name: "database", Type: "postgres", URL: databaseURL(c.database), Critical: true,
			Interval: 2 * time.Second, Timeout: 1500 * time.Millisecond, DegradedOver: 250 * time.Millisecond},
		{Name: "redis", Type: "redis", URL: redisURL(c.redis), Interval: 2 * time.Second},
	}
}

// run runs the shop and its customers until ctx is done.
func (d *demo) run(ctx context.Context, env *environment, rate int, logger *slog.Logger) error {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	database, err := newDatabaseClient(databaseURL(d.controls.database))
	if err != nil {
		return err
	}
	defer database.close()
	cache, err := newCacheClient(redisURL(d.controls.redis))
	if err != nil {
		return err
	}
	defer cache.Close()
	shop := newShop(database, cache)
	d.monitor = kymo.New(d.service, kymo.WithHub(d.hub.String()), kymo.WithLogger(logger))
	d.monitor.Check("stock", health.Func(shop.stock), health.Every(2*time.Second))
	shopServer := serveOn(l, d.monitor.Middleware(shop.handler()), logger)
	d.shopURL = shopServer.url
	d.load = newLoad(d.shopURL, rate)

	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		d.load.run(ctx)
	}()
	d.watch(ctx, env)
	<-loaded
	// The shop has answered, but a handler returns, and is recorded, a little
	// after its answer is out: wait for it.
	stopErr := shopServer.stop(stopTime)
	closeCtx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if err := errors.Join(stopErr, d.monitor.Close(closeCtx)); err != nil {
		logger.Error("demo", "error", err)
	}
	return d.verdict(env)
}

// watch shows the demo and takes the user's keys, until ctx is done.
func (d *demo) watch(ctx context.Context, env *environment) {
	s := term.ScreenOf(env.stdout, env.vars)
	restore := d.controls.read(env.stdin, s)
	defer restore() // after a panic too: a raw terminal is of no use to anyone
	d.show(ctx, env.stdout, s)
}

// freeService returns a name that no request in the store has: the demo's
// numbers must be its own.
func (d *demo) freeService(ctx context.Context) (string, error) {
	for n := 1; ; n++ {
		name := "shop"
		if n > 1 {
			name += "-" + strconv.Itoa(n)
		}
		p, err := d.performance(ctx, name)
		if err != nil || p.TotalRequests == 0 {
			return name, err
		}
	}
}

func (d *demo) performance(ctx context.Context, service string) (*report.Performance, error) {
	return d.hub.Performance(ctx, url.Values{"hours": {client.MaxHours}, "service": {service}})
}

// verdict prints the report, and whether the hub counted what was sent.
func (d *demo) verdict(env *environment) error {
	// The context of the command may be done: that is how the demo ends.
	p, err := d.performance(context.Background(), d.service)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "The hub's report on %s:\n", d.service)
	if err := text.Report(env.stdout, term.ScreenOf(env.stdout, env.vars), p); err != nil {
		return err
	}
	sent, failed := d.load.sent.Load(), d.load.failed.Load()
	fmt.Fprintf(env.stdout, "\nload generator sent %s; Kymo reports %s\n",
		term.Plural(sent, "request"), term.Thousands(int64(p.TotalRequests)))
	if sent == int64(p.TotalRequests) {
		return nil
	}
	problem := "the numbers differ"
	if failed > 0 {
		problem += fmt.Sprintf("; %s got no answer from the shop", term.Plural(failed, "request"))
	}
	if stats := d.monitor.Stats(); stats.Dropped+stats.Pending > 0 {
		problem += fmt.Sprintf("; the SDK dropped %d and could not ship %d, for: %s",
			stats.Dropped, stats.Pending, cmp.Or(stats.LastError, "no error"))
	}
	return badNews{errors.New(problem)}
}
