package hub

import (
	"log/slog"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/template"
	"github.com/kymohq/kymo/hub/internal/webserver"
)

// Config is the configuration of a hub. The zero value is ready to use.
type Config struct {
	Tokens Tokens
	// Hosts lists the host names that the hub answers to, such as "kymo.example.com":
	// the name in a request's Host header. localhost and IP addresses need not be
	// listed. If Hosts is empty, a hub with both tokens answers to every name, and a hub
	// without both answers only to localhost and IP addresses. This prevents DNS
	// rebinding, by which a site reads from the hub through a visitor's browser.
	Hosts     []string
	Retention Retention
	Slow      Slow

	// Checks are the checks that the hub runs, and Services the services whose health
	// it follows by name. Their names are the keys of GET /health and must be unique.
	Checks   []Check
	Services []Service
	// Maintenance lists when something is meant to be out of order: that is shown, and
	// left out of uptimes. It changes no status. Names must be unique.
	Maintenance []Maintenance
	// Templates are rules for the endpoints of raw paths, which come without a route. The
	// first that matches a path decides.
	Templates []Template

	// MaxEndpoints is the maximum number of endpoints of each service. Requests to
	// further endpoints are counted as "(other)". 0 means 1,000.
	MaxEndpoints int
	// MaxServices is the maximum number of services. Batches from further services are
	// rejected. 0 means 1,000.
	MaxServices int

	// Version is the program's version, for the API's documentation. "" means "dev".
	Version string
	// Logger is the logger for the hub's own problems. nil means slog.Default().
	Logger *slog.Logger

	now    func() time.Time // for tests; nil means time.Now
	limits webserver.Limits // for tests; zero means the defaults of package webserver
}

// Tokens are the tokens that callers must send as "Authorization: Bearer <token>".
// An empty token is not required.
type Tokens struct {
	Ingest string // for routes that take data
	Read   string // for routes that return data
	Admin  string // for routes that change what the hub does; it can be used to read, too
}

// Retention sets how long, and how much, a hub keeps.
type Retention struct {
	// Age is how long requests are kept. Older requests are not accepted. It is at
	// least 1 h. 0 means 168 h, the longest window of a report.
	Age time.Duration
	// Size is the number of bytes that the hub may store. Beyond it, the oldest requests
	// are deleted before they reach Age. It is at least 1 MiB. 0 means no limit.
	Size int64
}

// Slow sets when an endpoint is slow: its 95th percentile is over the target, and
// the window has at least MinSamples of its requests.
type Slow struct {
	Target     time.Duration // 0 means 500 ms
	MinSamples int           // 0 means 20
	Routes     []RouteTarget // endpoints with another target
}

// RouteTarget is the target of one endpoint, for all services and methods.
type RouteTarget struct {
	Endpoint string // a route template, such as "/reports/{id}"
	Target   time.Duration
}

// Check is a check that the hub runs, such as of a database. The fields after Probe
// are rules; they mean the same as the fields of health.Rules, which is not embedded so
// that a literal can name them.
type Check struct {
	Name string
	// Probe is a probe of package health or checks. Open takes ownership of it: the
	// probe is closed when the hub is, or before Open returns an error.
	Probe health.Probe

	Interval     time.Duration // from the start of one run to the start of the next; 0 means 10 s
	Timeout      time.Duration // of a run; 0 means 2 s or a third of the interval, whichever is less
	DegradedOver time.Duration // a run that took longer is degraded; 0 means no limit
	Failures     int           // worse runs in a row before the status gets worse; 0 means 2
	Successes    int           // better runs in a row before the status gets better; 0 means 2
	StartPeriod  time.Duration // runs that fail in it do not count until one does not; 0 means none
	DependsOn    []string      // checks and services without which it cannot work: they explain its failure
	Critical     bool          // GET /health is down while the check is down
}

// Service is a service whose health the hub follows by name. A service that sends
// heartbeats to the hub need not be listed. A service that is listed is reported as
// unknown, and then down, even if it never sent a heartbeat.
type Service struct {
	Name string
	// Probe polls the service; checks.Service returns such a probe. Without a probe,
	// the heartbeats of the service's instances decide. The hub owns the probe, as for
	// a Check.
	Probe health.Probe

	// The rules, as for a Check. Without a Probe, the defaults are an Interval of 1 s,
	// and 1 for Failures and Successes.
	Interval     time.Duration
	Timeout      time.Duration
	DegradedOver time.Duration
	Failures     int
	Successes    int
	StartPeriod  time.Duration
	DependsOn    []string
	Critical     bool

	// A service without a heartbeat from any instance is unknown after Silence (0 means
	// 30 s) and down after DownAfter (0 means 90 s).
	Silence   time.Duration
	DownAfter time.Duration
}

// Maintenance is a maintenance window. It has From and either Until or For if it is a
// single one, and Every and For if it recurs; then From and Until bound when it begins.
type Maintenance struct {
	Name  string
	Where *Where // what it concerns; &Where{} is everything, and nil is an error

	Every string        // days and a time of 24 hours in Zone, such as "Sun 02:00" or "daily 02:00"
	For   time.Duration // from 1 min to 7 days
	From  string        // "2026-11-29 02:00" in Zone, or RFC 3339
	Until string        // the first instant after it, written as From
	Zone  string        // an IANA name, such as "Europe/Berlin"; "" is UTC

	Comment string // at most 500 bytes, as By
	By      string // who entered it
}

// Where selects checks. An empty field selects all.
type Where struct {
	Service string // a service with all its checks
	Check   string // a check of the hub's or of services
}

// Template is a rule for raw paths: it has either an Endpoint or Keep.
type Template struct {
	Service  string // whose paths; "" for those of every service
	Path     string // "/docs/**": * is any characters of a segment, /** at the end one or more segments
	Endpoint string // that they have, such as "/docs/{page}"
	Keep     bool   // each is an endpoint of its own
}

// internal returns the configuration in the form in which all configurations are
// validated.
func (c *Config) internal() *config.Config {
	to := &config.Config{
		Tokens:       config.Tokens(c.Tokens),
		Hosts:        c.Hosts,
		Retention:    config.Retention(c.Retention),
		MaxEndpoints: c.MaxEndpoints,
		MaxServices:  c.MaxServices,
	}
	to.Slow.Target, to.Slow.MinSamples = c.Slow.Target, c.Slow.MinSamples
	for _, r := range c.Slow.Routes {
		to.Slow.Routes = append(to.Slow.Routes, report.RouteTarget(r))
	}
	for _, m := range c.Maintenance {
		w := maintenance.Window{
			Name: m.Name, Every: m.Every, For: m.For, From: m.From, Until: m.Until, Zone: m.Zone, Comment: m.Comment, By: m.By,
		}
		if m.Where != nil {
			w.Where = &maintenance.Where{Service: m.Where.Service, Check: m.Where.Check}
		}
		to.Maintenance = append(to.Maintenance, w)
	}
	for _, t := range c.Templates {
		to.Templates = append(to.Templates, template.Rule(t))
	}
	for _, k := range c.Checks {
		to.Checks = append(to.Checks, config.Check{Name: k.Name, Probe: k.Probe, Rules: health.Rules{
			Interval: k.Interval, Timeout: k.Timeout, DegradedOver: k.DegradedOver,
			Failures: k.Failures, Successes: k.Successes, StartPeriod: k.StartPeriod,
			DependsOn: k.DependsOn, Critical: k.Critical,
		}})
	}
	for _, s := range c.Services {
		to.Services = append(to.Services, config.Service{
			Name: s.Name, Probe: s.Probe, Silence: s.Silence, DownAfter: s.DownAfter,
			Rules: health.Rules{
				Interval: s.Interval, Timeout: s.Timeout, DegradedOver: s.DegradedOver,
				Failures: s.Failures, Successes: s.Successes, StartPeriod: s.StartPeriod,
				DependsOn: s.DependsOn, Critical: s.Critical,
			},
		})
	}
	return to
}
