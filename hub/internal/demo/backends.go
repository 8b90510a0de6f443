package demo

import "errors"

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

// DatabaseURL returns the URL of the PostgreSQL.
func (b *Backends) DatabaseURL() string {
	return "postgres://shop@" + b.database.addr + "/shop?sslmode=disable"
}

// RedisURL returns the URL of the Redis.
func (b *Backends) RedisURL() string { return "redis://" + b.redis.addr + "/0" }
