package hub

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// Config says how a hub works. The zero Config is a good one.
type Config struct {
	Tokens    Tokens
	Retention Retention
	Slow      Slow
	// Checks are what the hub looks at itself, Services whom it follows by name.
	// Their names are the keys of GET /health, so no two may be the same.
	Checks   []Check
	Services []Service

	// MaxEndpoints bounds the distinct endpoints of each service; requests of
	// others count under (other). 0 is 1,000.
	MaxEndpoints int
	// MaxServices bounds the services; batches of others are refused. 0 is 1,000.
	MaxServices int

	Version string           // of the build, for the documentation; "" is "dev"
	Now     func() time.Time // nil is time.Now
	Logger  *slog.Logger     // nil is slog.Default()

	// ticks makes the retention loop run, in tests; nil is once a minute.
	ticks <-chan time.Time
	// beats make the history write what it has, in tests; nil is once a second.
	beats <-chan time.Time
}

// Tokens are what callers must present as "Authorization: Bearer <token>". An
// empty one is not asked for.
type Tokens struct {
	Ingest string // to send requests
	Read   string // to ask for reports
}

// Retention says what is kept at least.
type Retention struct {
	// Age is how long requests are kept; older ones are not accepted. 0 is 168 h,
	// the longest window of a report.
	Age time.Duration
	// Size is from how many bytes on the oldest requests are forgotten before
	// their time, if the store can do so. 0 is no limit.
	Size int64
}

// Slow is the rule for slow endpoints: the 95th percentile over the target,
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

// Option changes what Open does by default.
type Option func(*Config)

// WithConfig replaces the whole configuration; options after it change it.
func WithConfig(c Config) Option { return func(to *Config) { *to = c } }

// WithTokens asks callers for tokens.
func WithTokens(t Tokens) Option { return func(c *Config) { c.Tokens = t } }

// WithRetention bounds what is kept.
func WithRetention(r Retention) Option { return func(c *Config) { c.Retention = r } }

// WithSlow sets the rule for slow endpoints.
func WithSlow(s Slow) Option { return func(c *Config) { c.Slow = s } }

// WithLogger sets where the hub reports its own troubles.
func WithLogger(l *slog.Logger) Option { return func(c *Config) { c.Logger = l } }

const (
	defaultAge = 168 * time.Hour
	// longestAge keeps instants within what Unix milliseconds and RFC 3339 can say.
	longestAge = 10 * 365 * 24 * time.Hour
	leastSize  = 1 << 20
)

// settle fills in the defaults and says everything that is wrong, each with its
// field and the remedy.
func (c *Config) settle() error {
	var wrong []error
	check := func(ok bool, field, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
		}
	}
	check(token(c.Tokens.Ingest), "tokens.ingest", "holds a space or a character that is not ASCII; a header cannot carry it")
	check(token(c.Tokens.Read), "tokens.read", "holds a space or a character that is not ASCII; a header cannot carry it")

	if c.Retention.Age == 0 {
		c.Retention.Age = defaultAge
	}
	check(c.Retention.Age >= time.Hour && c.Retention.Age <= longestAge, "retention.age",
		"is %s; must be from 1h to %s", c.Retention.Age, longestAge)
	check(c.Retention.Size == 0 || c.Retention.Size >= leastSize, "retention.size",
		"is %d bytes; must be at least %d, or 0 for no limit", c.Retention.Size, leastSize)

	check(c.Slow.Target >= 0, "slow.target", "is %s; must be positive, or 0 for 500ms", c.Slow.Target)
	check(c.Slow.MinSamples >= 0, "slow.min_samples", "is %d; must be positive, or 0 for 20", c.Slow.MinSamples)
	seen := make(map[string]bool)
	for i, r := range c.Slow.Routes {
		field := fmt.Sprintf("slow.routes[%d]", i)
		check(r.Endpoint != "" && len(r.Endpoint) <= wire.MaxEndpoint, field+".endpoint",
			"must be a route template of 1 to %d bytes, such as /reports/{id}", wire.MaxEndpoint)
		check(!seen[r.Endpoint], field+".endpoint", "%q has a target already", r.Endpoint)
		check(r.Target > 0, field+".target", "is %s; must be positive, such as 5s", r.Target)
		seen[r.Endpoint] = true
	}
	check(c.MaxEndpoints >= 0, "max_endpoints", "is %d; must be positive, or 0 for 1000", c.MaxEndpoints)
	check(c.MaxServices >= 0, "max_services", "is %d; must be positive, or 0 for 1000", c.MaxServices)

	wrong = append(wrong, c.settleChecks()...)

	if c.Version == "" {
		c.Version = "dev"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return errors.Join(wrong...)
}

// token says whether a header can carry the token.
func token(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
