package demo

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/go-redis/v9"
)

// databaseClient is the shop's pool of connections to its database, of as many as
// are needed at once.
type databaseClient struct {
	config *pgconn.Config
	idle   chan *pgconn.PgConn
}

// queryTime is how long the shop waits for its database before it gives up on a
// request.
const queryTime = 2 * time.Second

func newDatabaseClient(url string) (*databaseClient, error) {
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	return &databaseClient{config: config, idle: make(chan *pgconn.PgConn, maxInFlight)}, nil
}

// query runs a query and drops its rows; the shop has its data in memory.
func (d *databaseClient) query(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	for {
		conn, kept, err := d.conn(ctx)
		if err != nil {
			return err
		}
		result := conn.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
		if result.Err == nil {
			d.keep(conn)
			return nil
		}
		d.hangUp(conn)
		// A kept connection may have broken long ago, which does not mean that the
		// database is down now.
		if !kept || ctx.Err() != nil {
			return result.Err
		}
	}
}

// conn returns a connection, and whether it was in use before.
func (d *databaseClient) conn(ctx context.Context) (conn *pgconn.PgConn, kept bool, err error) {
	select {
	case conn = <-d.idle:
		return conn, true, nil
	default:
		conn, err = pgconn.ConnectConfig(ctx, d.config)
		return conn, false, err
	}
}

func (d *databaseClient) keep(conn *pgconn.PgConn) {
	select {
	case d.idle <- conn:
	default:
		d.hangUp(conn)
	}
}

func (d *databaseClient) hangUp(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the server notices
}

// close ends the connections that are idle.
func (d *databaseClient) close() {
	for {
		select {
		case conn := <-d.idle:
			d.hangUp(conn)
		default:
			return
		}
	}
}

// cacheTime is how long the shop waits for its cache before it does without.
const cacheTime = 200 * time.Millisecond

func newCacheClient(url string) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = cacheTime, cacheTime, cacheTime
	options.MaxRetries, options.Protocol, options.DisableIdentity = -1, 2, true
	return redis.NewClient(options), nil
}

// cached reports whether the cache has the key, and puts it there if not. A cache
// that does not answer has nothing.
func cached(ctx context.Context, cache *redis.Client, key string) bool {
	err := cache.Get(ctx, key).Err()
	if errors.Is(err, redis.Nil) {
		_ = cache.Set(ctx, key, "kept", 0).Err() // the next one tries again
	}
	return err == nil
}
