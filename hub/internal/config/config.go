package config

import (
	"log/slog"
	"time"

	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/template"
)

// Config is all settings of a hub.
type Config struct {
	Listen         string // host:port; "" for a hub that is embedded
	InsecureListen bool   // listen beyond this machine without tokens
	Store          string // a directory or a URL, which may hold a password; "" for a hub that is embedded
	LogLevel       slog.Level
	// DrainDelay is how long a hub that is asked to stop goes on, while it is not ready.
	DrainDelay time.Duration

	Retention Retention
	Slow      report.Slow
	Tokens    Tokens
	// Hosts are the names that the hub answers to, besides those of loopback and IP
	// addresses. Without any, it answers to every name if both tokens are set.
	Hosts []string
	// MaxEndpoints is the number of distinct endpoints that a service may have, and
	// MaxServices the number of services; 0 is 1,000 each.
	MaxEndpoints int
	MaxServices  int

	// The names of checks and services are the keys of GET /health, so no two may
	// be the same.
	Checks   []Check
	Services []Service
	// Maintenance are the maintenance windows. No two have the same name.
	Maintenance []maintenance.Window

	// Templates are rules for the endpoints of raw paths.
	Templates template.Rules

	// Excerpt is whether there are checks beside these, on which these may depend.
	Excerpt bool

	// Warnings is what is not wrong, and should be known: each a line with the file.
	Warnings []string

	// Empty is whether the file contains nothing, like one that is being written.
	Empty bool

	// Places is where settings were given, by their keys, for errors.
	Places Places
}

// Retention is how long requests are kept.
type Retention struct {
	Age  time.Duration // 0 is 168 h, the longest window of a report
	Size int64         // bytes of all of the store, beyond which the oldest requests are forgotten; 0 is no limit
}

// Tokens are what callers must present as "Authorization: Bearer <token>". An
// empty one is not required. They are never in output.
type Tokens struct {
	Ingest string // to send requests
	Read   string // to ask for reports
	Admin  string // to change what the hub does, and to ask
}

// Defaults of a hub that is served.
const (
	DefaultListen = "127.0.0.1:5966"
	DefaultStore  = "./kymo-data"
	DefaultAge    = 168 * time.Hour
)

// Default returns the configuration of a hub without settings.
func Default() *Config {
	return &Config{Listen: DefaultListen, Store: DefaultStore, Retention: Retention{Age: DefaultAge}}
}
