package main

import (
	"errors"
	"log/slog"
	"os"
	"strings"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/core"
)

// reloader reads the configuration of a running hub again. A wrong one is refused as a
// whole, and the hub keeps the previous configuration.
type reloader struct {
	source  settings.Source
	began   *config.Config // what the listener and the store are made from
	empty   bool           // the file that is in force holds nothing
	hub     *core.Hub
	hangup  <-chan os.Signal // asks for a reload
	changed <-chan struct{}  // does so, too
	level   *slog.LevelVar
	logger  *slog.Logger
}

func (r *reloader) reload() {
	c, err := settings.Load(r.source, makers)
	if err == nil {
		err = r.holdsSomething(c)
	}
	var inForce *config.Config
	if err == nil {
		inForce, err = r.keepingListener(c)
	}
	if err == nil {
		err = r.hub.Apply(inForce)
	}
	if err != nil {
		r.logger.Error("the changed configuration was rejected; the hub keeps the previous one", "error", oneLine(err.Error()))
		r.hub.Refuse(errors.New(oneLine(err.Error())))
		return
	}
	r.empty = c.Empty
	r.level.Set(c.LogLevel)
	warn(r.logger, c)
	var restart []string
	if c.Listen != r.began.Listen || c.InsecureListen != r.began.InsecureListen {
		restart = append(restart, "listen")
	}
	if c.Store != r.began.Store {
		restart = append(restart, "store")
	}
	if len(restart) > 0 {
		r.logger.Warn("changed settings need a restart to take effect", "changed", strings.Join(restart, ", "))
	}
	r.logger.Info("configuration reloaded", "checks", len(c.Checks), "services", len(c.Services))
}

// warn logs what is not wrong with a configuration, and should be known.
func warn(logger *slog.Logger, c *config.Config) {
	for _, warning := range c.Warnings {
		logger.Warn("configuration", "warning", warning)
	}
}

// keepingListener returns the configuration as it can be applied: the listener and
// the store stay, and so an address that other machines reach still needs tokens.
func (r *reloader) keepingListener(c *config.Config) (*config.Config, error) {
	kept := *c
	kept.Listen, kept.InsecureListen, kept.Store = r.began.Listen, r.began.InsecureListen, r.began.Store
	return &kept, kept.Validate(makers)
}

// holdsSomething rejects a file that contains no settings: it is being written, or was
// emptied by mistake.
func (r *reloader) holdsSomething(c *config.Config) error {
	if c.Empty && !r.empty {
		return &config.Error{Path: r.source.Path, Line: 1, Problem: "contains no settings"}
	}
	return nil
}
