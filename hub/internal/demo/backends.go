package demo

import (
	"errors"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

// Backends are the stand-ins for what the shop depends on.
type Backends struct{ database, redis *standIn }

// StartBackends starts both on free ports of the loopback interface.
func StartBackends() (*Backends, error) {
	b := &Backends{newDatabase(), newRedis()}
	if err := errors.Join(b.database.start(), b.redis.start()); err != nil {
		b.Stop()
		return nil, err
	}
	return b, nil
}

// Stop stops both.
func (b *Backends) Stop() {
	b.database.stop()
	b.redis.stop()
}

// Checks returns the checks of both, for the hub's configuration.
func (b *Backends) Checks() []config.Check {
	return []config.Check{
		{Name: "database", Spec: config.Spec{Type: "postgres", URL: b.databaseURL()}, Rules: health.Rules{
			Interval: 2 * time.Second, Timeout: 1500 * time.Millisecond, DegradedOver: 250 * time.Millisecond, Critical: true}},
		{Name: "redis", Spec: config.Spec{Type: "redis", URL: b.redisURL()}, Rules: health.Rules{Interval: 2 * time.Second}},
	}
}

func (b *Backends) databaseURL() string {
	return "postgres://shop@" + b.database.addr + "/shop?sslmode=disable"
}

func (b *Backends) redisURL() string { return "redis://" + b.redis.addr + "/0" }
