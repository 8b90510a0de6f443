package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/kymohq/kymo/hub/internal/store/engines"
)

type serveCommand struct {
	Config         string  `placeholder:"FILE" help:"Read settings from this YAML file; or KYMO_CONFIG."`
	Listen         *string `placeholder:"HOST:PORT" help:"Where to listen; port 0 takes a free one. Default: 127.0.0.1:5966."`
	InsecureListen bool    `help:"Listen beyond this machine without tokens."`
	Store          *string `placeholder:"STORE" help:"What keeps the data: a folder, postgres://… or clickhouse://… Default: ./kymo-data."`
	RetentionAge   *string `placeholder:"DURATION" help:"Forget requests older than this. Default: 168h."`
	RetentionSize  *string `placeholder:"SIZE" help:"Forget the oldest requests when the data is larger, like 20GiB. Default: no bound."`
	SlowTarget     *string `placeholder:"DURATION" help:"An endpoint is slow if its p95 exceeds this. Default: 500ms."`
	SlowMinSamples *string `placeholder:"N" help:"An endpoint is not judged by fewer requests. Default: 20."`
	SlowRoutes     *string `placeholder:"ROUTE=DURATION,..." help:"Targets of single endpoints, like /reports/{id}=5s."`
	TokensIngest   *string `placeholder:"TOKEN" help:"Ask senders for this token: env:NAME, file:PATH, or itself, which others on this machine can see."`
	TokensRead     *string `placeholder:"TOKEN" help:"Ask readers for this token."`
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
		"The process stops on SIGTERM and SIGINT, and loses nothing.\n"
}

// flags returns the settings that flags gave, by key.
func (c *serveCommand) flags() map[string]string {
	flags := make(map[string]string)
	for key, value := range map[string]*string{
		"listen": c.Listen, "store": c.Store,
		"retention.age": c.RetentionAge, "retention.size": c.RetentionSize,
		"slow.target": c.SlowTarget, "slow.min_samples": c.SlowMinSamples, "slow.routes": c.SlowRoutes,
		"tokens.ingest": c.TokensIngest, "tokens.read": c.TokensRead,
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

func (c *serveCommand) Run(env *environment) error {
	path := c.Config
	if path == "" {
		path = env.vars["KYMO_CONFIG"]
	}
	s, err := loadSettings(path, env.vars, c.flags())
	if err != nil {
		return err
	}
	if err := s.checkExposure(); err != nil {
		return err
	}
	// What is wrong with a check should be said before a port or the data is touched.
	targets, err := s.targets()
	if err != nil {
		return err
	}
	closeTargets(targets)
	logger := slog.New(slog.NewTextHandler(env.stderr, nil))
	// The port first: a hub that cannot be reached should not touch the data.
	l, err := listen(s.listen)
	if err != nil {
		return err
	}
	h, err := s.openHub(logger)
	if err != nil {
		l.Close()
		return err
	}
	return c.serve(env, l, h, engines.Show(s.store), logger)
}

// serve runs the hub until the process is asked to stop.
func (c *serveCommand) serve(env *environment, l net.Listener, h *openedHub, store string, logger *slog.Logger) error {
	server := serveOn(l, h, logger)
	err := c.ready(server.url)
	if err == nil {
		logger.Info("listening", "url", server.url, "store", store)
		select {
		case <-env.ctx.Done():
			logger.Info("stopping")
		case err = <-server.failed:
		}
	}
	// In this order nothing is lost: what was accepted is in the store before it
	// is closed, and what comes later is refused and sent again by its service.
	if stopErr := server.stop(stopTime); stopErr != nil {
		logger.Warn("stopping", "error", stopErr)
	}
	err = errors.Join(err, h.close())
	if c.ReadyFile != "" {
		os.Remove(c.ReadyFile)
	}
	if err == nil {
		logger.Info("stopped")
	}
	return err
}

// ready writes the ready file. It appears with its whole content: whoever waits
// for it must not read half a URL.
func (c *serveCommand) ready(url string) error {
	if c.ReadyFile == "" {
		return nil
	}
	temporary := filepath.Join(filepath.Dir(c.ReadyFile), "."+filepath.Base(c.ReadyFile)+".new")
	if err := os.WriteFile(temporary, []byte(url+"\n"), 0o644); err != nil {
		return fmt.Errorf("--ready-file: %w", err)
	}
	if err := os.Rename(temporary, c.ReadyFile); err != nil {
		os.Remove(temporary)
		return fmt.Errorf("--ready-file: %w", err)
	}
	return nil
}

// checkExposure refuses to be open to the network by oversight.
func (s *settings) checkExposure() error {
	if onLoopback(s.listen) || s.insecureListen {
		return nil
	}
	missing := "tokens.ingest and tokens.read are"
	switch {
	case s.ingestToken != "" && s.readToken != "":
		return nil
	case s.ingestToken != "":
		missing = "tokens.read is"
	case s.readToken != "":
		missing = "tokens.ingest is"
	}
	return fmt.Errorf("listen: other machines can reach %s, and %s not set; "+
		"set both tokens, listen on 127.0.0.1, or give --insecure-listen", s.listen, missing)
}
