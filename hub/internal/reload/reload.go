// Package reload reads the configuration of a running hub again: a Watch (watch.go)
// reports that the file has changed, and a Reloader loads it, validates it and
// applies it to the hub.
package reload

import (
	"cmp"
	"errors"
	"log/slog"
	"strings"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/core"
	"github.com/kymohq/kymo/hub/internal/term"
)

// Reloader reloads the configuration of one hub. It is not safe for concurrent use.
type Reloader struct {
	Source  settings.Source
	Makers  config.Makers
	Initial *config.Config // of the start, from which the listener and the store were made
	Hub     *core.Hub
	Level   *slog.LevelVar // of the Logger
	Logger  *slog.Logger

	last *config.Config // the last one that was applied; nil is Initial
}

// Current returns the configuration that was read last and is right.
func (r *Reloader) Current() *config.Config { return cmp.Or(r.last, r.Initial) }

// Reload applies the configuration to the hub. One that is wrong is rejected as a
// whole, and the hub keeps the previous one.
func (r *Reloader) Reload() {
	c, err := r.apply()
	if err != nil {
		text := term.OneLine(err.Error())
		r.Logger.Error("the changed configuration was rejected; the hub keeps the previous one", "error", text)
		r.Hub.Refuse(errors.New(text))
		return
	}
	r.last = c
	r.Level.Set(c.LogLevel)
	LogWarnings(r.Logger, c)
	var restart []string
	if c.Listen != r.Initial.Listen || c.InsecureListen != r.Initial.InsecureListen {
		restart = append(restart, "listen")
	}
	if c.Store != r.Initial.Store {
		restart = append(restart, "store")
	}
	if len(restart) > 0 {
		r.Logger.Warn("changed settings need a restart to take effect", "changed", strings.Join(restart, ", "))
	}
	r.Logger.Info("configuration reloaded", "checks", len(c.Checks), "services", len(c.Services))
}

// apply loads the configuration, applies what can change while the hub runs, and
// returns all of it.
func (r *Reloader) apply() (*config.Config, error) {
	c, err := settings.Load(r.Source, r.Makers)
	if err != nil {
		return nil, err
	}
	// The file is being written, or was emptied by mistake.
	if c.Empty && !r.Current().Empty {
		return nil, &config.Error{Path: r.Source.Path, Line: 1, Problem: "contains no settings"}
	}
	// The listener and the store stay, and so an address that other machines reach
	// still needs tokens.
	kept := *c
	kept.Listen, kept.InsecureListen, kept.Store = r.Initial.Listen, r.Initial.InsecureListen, r.Initial.Store
	if err := kept.Validate(r.Makers); err != nil {
		return nil, err
	}
	return c, r.Hub.Apply(&kept)
}

// LogWarnings logs what is valid in a configuration but should be known.
func LogWarnings(logger *slog.Logger, c *config.Config) {
	for _, warning := range c.Warnings {
		logger.Warn("configuration", "warning", warning)
	}
}
