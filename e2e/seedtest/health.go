package main

import (
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

// check is a check with a made-up past.
type check struct {
	service, name string
	latency       time.Duration
	suffers       bool // when the database does
	critical      bool
	now           health.Status
	reason        string
}

var checks = []check{
	{"shop", "database", 2 * ms, true, true, health.Healthy, ""},
	{"shop", "cache", 600 * time.Microsecond, false, false, health.Healthy, ""},
	{"accounts", "database", 3 * ms, true, true, health.Healthy, ""},
	{"billing", "payments", 140 * ms, false, false, health.Degraded, "took 1.24 s, over 800 ms"},
	{"reports", "warehouse", 35 * ms, true, false, health.Healthy, ""},
	{"models", "recommend", 24 * ms, false, false, health.Healthy, ""},
	{"models", "fraud", 31 * ms, false, false, health.Down, "the model \"fraud\" is not loaded: out of memory on device 0"},
}

// wholes are the services and the two checks that the hub itself makes, which differ only
// by their names.
var wholes = []check{
	{service: "shop"}, {service: "accounts"}, {service: "billing"}, {service: "reports"}, {service: "models"},
	{service: "disk", latency: 300 * time.Microsecond}, {service: "gateway", latency: 4 * ms},
}

// state is the status of a check at an instant.
func (s *seeder) state(c *check, at time.Time) (status health.Status, reason string) {
	if c.name == "" {
		return s.whole(c.service, at)
	}
	ago := s.now.Sub(at)
	switch bad := s.trouble(at); {
	case c.suffers && bad > 0.85:
		return health.Down, "connection refused: dial tcp 10.0.3.7:5432"
	case c.suffers && bad > 0.1:
		return health.Degraded, "took 640 ms, over 250 ms"
	case c.name == "payments" && ago < 14*time.Minute, c.name == "fraud" && ago < 52*time.Minute:
		return c.now, c.reason
	case c.name == "payments" && int(ago.Hours())%31 == 7:
		return health.Degraded, "took 910 ms, over 800 ms"
	}
	return health.Healthy, ""
}

// whole returns the status of a service: that of its worst check, but down only if that
// is critical.
func (s *seeder) whole(service string, at time.Time) (health.Status, string) {
	worst, why := health.Healthy, ""
	for i := range checks {
		c := &checks[i]
		if c.service != service {
			continue
		}
		status, reason := s.state(c, at)
		if status == health.Down && !c.critical {
			status = health.Degraded
		}
		if status > worst {
			worst, why = status, c.name+": "+reason
		}
	}
	return worst, why
}

// health adds the results of every check, one a minute.
func (s *seeder) health(from time.Time) {
	n := 0
	for at := from; at.Before(s.now); at = at.Add(time.Minute) {
		// The check did not run for some hours, four days ago.
		if ago := s.now.Sub(at); ago > 96*time.Hour && ago < 99*time.Hour {
			continue
		}
		for i := range checks {
			s.builder.AddHealth(s.result(&checks[i], at, min(at.Add(time.Minute).UnixMilli(), s.now.UnixMilli())))
		}
		for i := range wholes {
			s.builder.AddHealth(s.result(&wholes[i], at, min(at.Add(time.Minute).UnixMilli(), s.now.UnixMilli())))
		}
		n += len(checks) + len(wholes)
		if n > wire.MaxHealth-len(checks)-len(wholes) {
			s.flush()
			n = 0
		}
	}
	s.flush()
}

func (s *seeder) result(c *check, at time.Time, to int64) wire.HealthResult {
	status, reason := s.state(c, at)
	r := wire.HealthResult{Service: c.service, Check: c.name, Status: status, Critical: c.critical, From: at.UnixMilli(), To: to, Reason: reason}
	for range 6 {
		if c.latency == 0 {
			break
		}
		latency := float64(c.latency) * (0.8 + 0.5*s.random.Float64())
		if status != health.Healthy {
			r.Failures++
			latency *= 9
		}
		r.Latency.Record(int64(latency))
	}
	return r
}

// present reports the status of all checks, as running services do.
func (s *seeder) present() {
	now := time.Now().UnixMilli()
	for _, service := range []string{"shop", "accounts", "billing", "reports", "models"} {
		b := &wire.Batch{Instance: service + "-1", Kind: wire.Present}
		whole := wire.HealthResult{Service: service, Status: health.Healthy, From: now - 60_000, To: now}
		for i := range checks {
			c := &checks[i]
			if c.service != service {
				continue
			}
			r := wire.HealthResult{Service: service, Check: c.name, Status: c.now, Critical: c.critical, From: now - 60_000, To: now, Reason: c.reason}
			r.Latency.Record(int64(float64(c.latency) * (0.8 + 0.5*s.random.Float64())))
			b.Health = append(b.Health, r)
			if r.Status != health.Healthy {
				whole.Status, whole.Reason = health.Degraded, c.name+" is "+r.Status.String()
			}
		}
		b.Health = append(b.Health, whole)
		s.send(b)
	}
}
