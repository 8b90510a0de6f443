package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/reload"
	"github.com/kymohq/kymo/hub/internal/store/engines"
	"github.com/kymohq/kymo/hub/internal/webserver"
)

type serveCommand struct {
	Config         string  `placeholder:"FILE" help:"Read settings from this YAML file; or KYMO_CONFIG."`
	Listen         *string `placeholder:"HOST:PORT" help:"Where to listen; port 0 takes a free one. Default: 127.0.0.1:5966."`
	InsecureListen bool    `help:"Listen beyond this machine without tokens."`
	Store          *string `placeholder:"STORE" help:"What keeps the data: a directory, postgres://… or clickhouse://… Default: ./kymo-data."`
	RetentionAge   *string `placeholder:"DURATION" help:"Forget requests older than this. Default: 168h."`
	RetentionSize  *string `placeholder:"SIZE" help:"Forget the oldest requests when the data is larger, like 20GiB. Default: no bound."`
	SlowTarget     *string `placeholder:"DURATION" help:"An endpoint is slow if its p95 exceeds this. Default: 500ms."`
	SlowMinSamples *string `placeholder:"N" help:"An endpoint is not judged by fewer requests. Default: 20."`
	SlowRoutes     *string `placeholder:"ROUTE=DURATION,..." help:"Targets of single endpoints, like /reports/{id}=5s."`
	TokensIngest   *string `placeholder:"TOKEN" help:"Ask senders for this token: env:NAME, file:PATH, or itself, which others on this machine can see."`
	TokensRead     *string `placeholder:"TOKEN" help:"Ask readers for this token."`
	TokensAdmin    *string `placeholder:"TOKEN" help:"Ask those who add, remove and run checks over the API for this token."`
	Hosts          *string `placeholder:"NAME,..." help:"Names that the hub answers to, besides localhost and IP addresses. Default: every name if both tokens are set, otherwise none."`
	LogLevel       *string `placeholder:"LEVEL" help:"Minimum level to log: debug, info, warn or error. Default: info."`
	DrainDelay     *string `placeholder:"DURATION" help:"Go on for this long after SIGTERM, while /health/ready answers 503. Default: no time."`
	WatchConfig    bool    `help:"Reload the configuration file when it changes, as on SIGHUP."`
	ReadyFile      string  `placeholder:"FILE" help:"Write the hub's URL to this file once it is ready."`
}

func (*serveCommand) Help() string {
	return "Examples:\n\n" +
		"    $ kymo serve\n" +
		"    $ kymo serve --config kymo.yaml\n" +
		"    $ KYMO_TOKENS_INGEST=env:SECRET kymo serve --store /var/lib/kymo --retention-age 720h\n" +
		"    $ PGPASSWORD=… kymo serve --store 'postgres://kymo@db.internal/kymo?sslmode=verify-full'\n" +
		"    $ CLICKHOUSE_PASSWORD=… kymo serve --store 'clickhouse://kymo@ch1:9000,ch2:9000/kymo?cluster=main'\n\n" +
		"Every setting can be in the file (slow: {min_samples: 50}), in the environment (KYMO_SLOW_MIN_SAMPLES=50) " +
		"or a flag (--slow-min-samples 50); the later wins. Checks and services are lists in the file only:\n\n" +
		"    checks:\n" +
		"      - {name: database, type: postgres, url: \"env:DATABASE_URL\", critical: true}\n" +
		"    services:\n" +
		"      - {name: orders, health: \"http://127.0.0.1:8000/health\"}\n\n" +
		"The process stops on SIGTERM and SIGINT, and loses nothing; with --drain-delay it first tells load balancers, " +
		"unless it gets a second signal. On SIGHUP it reads its configuration again: checks, " +
		"services, slow rules, retention, tokens, hosts and log level change while it runs, and a wrong file is refused. " +
		"Another address or store needs a restart.\n"
}

// flags returns the settings that flags gave, by key.
func (c *serveCommand) flags() map[string]string {
	flags := make(map[string]string)
	for key, value := range map[string]*string{
		"listen": c.Listen, "store": c.Store, "log_level": c.LogLevel,
		"retention.age": c.RetentionAge, "retention.size": c.RetentionSize,
		"slow.target": c.SlowTarget, "slow.min_samples": c.SlowMinSamples, "slow.routes": c.SlowRoutes,
		"tokens.ingest": c.TokensIngest, "tokens.read": c.TokensRead, "tokens.admin": c.TokensAdmin,
		"hosts": c.Hosts, "drain_delay": c.DrainDelay,
	} {
		if value != nil {
			flags[key] = *value
		}
	}
	if c.InsecureListen {
		flags["insecure_listen"] = "true"
	}
	return flags
}

// source is where the configuration comes from.
func (c *serveCommand) source(env *environment) settings.Source {
	s := configSource(env, c.Config)
	s.Flags = c.flags()
	return s
}

func (c *serveCommand) Run(env *environment) error {
	// First, and until all has ended: by default a hangup ends the process.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	source := c.source(env)
	if c.WatchConfig && source.Path == "" {
		return errors.New("--watch-config: there is no file to watch; name one with --config FILE or KYMO_CONFIG")
	}
	level := new(slog.LevelVar)
	logger := newLogger(env.stderr, level)
	var changed <-chan struct{}
	if c.WatchConfig {
		// Before the file is read: what changes after that is seen.
		watch, err := reload.WatchFile(source.Path, logger)
		if err != nil {
			return fmt.Errorf("--watch-config: %w", err)
		}
		defer watch.Stop()
		changed = watch.Changed()
	}
	conf, err := settings.Load(source, makers)
	if err != nil {
		return err
	}
	level.Set(conf.LogLevel)
	reload.LogWarnings(logger, conf)
	// The port first: a hub that cannot be reached should not touch the data.
	l, err := webserver.Listen(conf.Listen)
	if err != nil {
		return err
	}
	h, err := openHub(conf, logger)
	if err != nil {
		l.Close()
		return err
	}
	r := &reload.Reloader{Source: source, Makers: makers, Initial: conf, Hub: h, Level: level, Logger: logger}
	return c.serve(env, l, r, hangup, changed)
}

// serve runs the hub until the process is asked to stop.
func (c *serveCommand) serve(env *environment, l net.Listener, r *reload.Reloader, hangup <-chan os.Signal, changed <-chan struct{}) error {
	server := webserver.Start(l, r.Hub, r.Logger)
	err := c.until(env, server, r, hangup, changed)
	// In this order nothing is lost: what was accepted is in the store before it
	// is closed, and what comes later is refused and sent again by its service.
	if stopErr := server.Stop(webserver.StopTime); stopErr != nil {
		r.Logger.Warn("stopping", "error", stopErr)
	}
	err = errors.Join(err, closeHub(r.Hub))
	if c.ReadyFile != "" {
		os.Remove(c.ReadyFile)
	}
	if err == nil {
		r.Logger.Info("stopped")
	}
	return err
}

// until reports that the hub is ready, and reloads its configuration when asked
// to, until the process is asked to stop or the server fails.
func (c *serveCommand) until(env *environment, server *webserver.Server, r *reload.Reloader, hangup <-chan os.Signal, changed <-chan struct{}) error {
	if c.ReadyFile != "" {
		if err := webserver.WriteReady(c.ReadyFile, server.URL()); err != nil {
			return fmt.Errorf("--ready-file: %w", err)
		}
	}
	r.Logger.Info("listening", "url", server.URL(), "store", engines.Show(r.Initial.Store))
	for {
		select {
		case <-env.ctx.Done():
			err := drain(server, r)
			r.Logger.Info("stopping")
			return err
		case err := <-server.Failed():
			return err
		case <-hangup:
			r.Reload()
		case <-changed:
			r.Reload()
		}
	}
}

// drain lets load balancers notice that the hub is about to stop, for as long as the
// configuration in force says, or until a second signal.
func drain(server *webserver.Server, r *reload.Reloader) error {
	delay := r.Current().DrainDelay
	if delay == 0 {
		return nil
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	r.Hub.Drain()
	r.Logger.Info("draining: not ready, and serving until the delay has passed", "delay", delay)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-again:
	case err := <-server.Failed():
		return err
	}
	return nil
}
