package hub

import (
	"log/slog"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/webserver"
)

// Config is how a hub works. The zero value is ready to use.
type Config struct {
	Tokens Tokens
	// Hosts are the names that requests for the hub may be addressed to, like
	// "kymo.example.com": the name in their Host header. Names of loopback and IP
	// addresses need not be listed. If it is empty, a hub with both tokens answers to
	// every name, and one without to none but those, so that no site can have a
	// visitor's browser read from the hub by a name of its own (DNS rebinding).
	Hosts     []string
	Retention Retention
	Slow      Slow

	// Checks are what the hub checks itself, Services the services that it follows
	// by name. Their names are the keys of GET /health, so no two may be the same.
	Checks   []Check
	Services []Service

	// MaxEndpoints is the number of distinct endpoints that each service may have;
	// requests of others count under (other). 0 is 1,000.
	MaxEndpoints int
	// MaxServices is the number of services; batches of others are refused. 0 is 1,000.
	MaxServices int

	// Version is that of the program, for the API's documentation; "" is "dev".
	Version string
	// Logger is where the hub reports its own troubles; nil is slog.Default().
	Logger *slog.Logger

	now    func() time.Time // of tests; nil is time.Now
	limits webserver.Limits // of tests; zero is those that webserver documents
}

// Tokens are what callers must present as "Authorization: Bearer <token>". An
// empty one is not required.
type Tokens struct {
	Ingest string // to send requests
	Read   string // to ask for reports
}

// Retention is for how long requests are kept.
type Retention struct {
	// Age is how long requests are kept; older ones are not accepted. It is at least
	// an hour; 0 is 168 h, the longest window of a report.
	Age time.Duration
	// Size is the number of bytes beyond which the oldest requests are forgotten
	// before their time. It is at least 1 MiB; 0 is no limit.
	Size int64
}

// Slow is the rule for slow endpoints: the 95th percentile is over the target,
// with at least MinSamples requests in the window.
type Slow struct {
	Target     time.Duration // 0 is 500 ms
	MinSamples int           // 0 is 20
	Routes     []RouteTarget
}

// RouteTarget is the target of one endpoint, in every service and for every method.
type RouteTarget struct {
	Endpoint string // a route template, such as /reports/{id}
	Target   time.Duration
}

// Check is a check that the hub runs, of a database say. The fields but Name and
// Probe are what package health has options of the same meaning for.
type Check struct {
	Name string
	// Probe is one of package health, or one that package checks makes. Open takes it
	// over: it is closed when the hub is, or before Open returns an error.
	Probe health.Probe

	Interval     time.Duration // between the starts of two runs; 0 is 10 s
	Timeout      time.Duration // of a run; 0 is 2 s or a third of the interval, whichever is less
	DegradedOver time.Duration // a run that took longer is degraded; 0 is no limit
	Failures     int           // runs in a row until the status is worse; 0 is 2
	Successes    int           // runs in a row until it is better; 0 is 2
	Critical     bool          // if it is down, the hub's GET /health is
}

// Service is a service whose health the hub follows by name. Services that ship to
// the hub are followed without being named; one that is named is missed if it
// never does.
type Service struct {
	Name string
	// Probe polls the service, as one that checks.Service makes. Without it the
	// service is judged by the heartbeats of its instances. The hub owns it as that of
	// a Check.
	Probe health.Probe

	// The rules, as for a Check. Without a Probe, Interval is 1 s, and Failures and
	// Successes are 1, if they are 0.
	Interval     time.Duration
	Timeout      time.Duration
	DegradedOver time.Duration
	Failures     int
	Successes    int
	Critical     bool

	// Silence is after how long without a heartbeat from any instance the service is
	// unknown (0 is 30 s), and DownAfter after how long it is down (0 is 90 s).
	Silence   time.Duration
	DownAfter time.Duration
}

// internal returns the configuration as it is validated, whatever it came from.
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
	for _, k := range c.Checks {
		to.Checks = append(to.Checks, config.Check{Name: k.Name, Probe: k.Probe, Rules: config.Rules{
			Interval: k.Interval, Timeout: k.Timeout, DegradedOver: k.DegradedOver,
			Failures: k.Failures, Successes: k.Successes, Critical: k.Critical,
		}})
	}
	for _, s := range c.Services {
		to.Services = append(to.Services, config.Service{
			Name: s.Name, Probe: s.Probe, Silence: s.Silence, DownAfter: s.DownAfter,
			Rules: config.Rules{
				Interval: s.Interval, Timeout: s.Timeout, DegradedOver: s.DegradedOver,
				Failures: s.Failures, Successes: s.Successes, Critical: s.Critical,
			},
		})
	}
	return to
}
