package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kymohq/kymo/hub/internal/loop"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/gather"
	"github.com/kymohq/kymo/hub/internal/store/remote"
	"github.com/kymohq/kymo/internal/wire"
)

// Options configures a Store. The zero value is ready to use.
type Options struct {
	Now    func() time.Time // the clock; time.Now if nil
	Logger *slog.Logger     // for what goes wrong in the background; slog.Default() if nil

	tuning tuning // defaultTuning where zero
}

// tuning holds limits and intervals, which tests change.
type tuning struct {
	requests    int           // limit of a transaction with more than one batch
	hold, limit time.Duration // see gather.Config
	mergeEvery  time.Duration
	parts       int // a span with this many pages has them merged
	// drop is how long detaching a partition may wait for its readers. If that is not
	// enough, the next prune completes it.
	drop time.Duration
}

var defaultTuning = tuning{requests: 1 << 16, hold: 10 * time.Second, limit: 30 * time.Second, mergeEvery: 5 * time.Second, parts: 16, drop: 10 * time.Second}

const (
	connectTimeout = 5 * time.Second
	openTimeout    = time.Minute // another hub may be migrating
	writers        = 2
)

// Store is the store in PostgreSQL.
type Store struct {
	pool    *pgxpool.Pool
	session *session
	slots   *slots
	now     func() time.Time
	logger  *slog.Logger
	errors  remote.Errors
	tuning
	gatherer  *gather.Gatherer
	closed    atomic.Bool
	onlyReads bool // another program's table
	end       func()
	series    series
	days      days
	kept      sync.Map // names of partitions that were warned of
	pruned    remote.Floor
	reckoned  atomic.Int64 // Unix ms; 0 if it is not known
	known     instances

	merging *loop.Loop
}

var (
	_ store.Store      = (*Store)(nil)
	_ store.Floorer    = (*Store)(nil)
	_ store.Sizer      = (*Store)(nil)
	_ store.Remote     = (*Store)(nil)
	_ store.Timekeeper = (*Store)(nil)
	_ store.Documenter = (*Store)(nil)
)

// CheckURL returns what is wrong with a URL, or nil. It does not connect, and the
// error holds no password.
func CheckURL(url string) error {
	_, err := parseURL(url)
	return err
}

func parseURL(url string) (*pgxpool.Config, error) {
	if strings.Contains(url, "://") {
		if err := remote.CheckURL(url); err != nil {
			return nil, err
		}
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// It begins with the URL, from which not every password is left out.
		text := err.Error()
		return nil, errors.New("the URL cannot be used: " + text[strings.LastIndex(text, "`: ")+1:])
	}
	return config, nil
}

// Open connects to the database that the URL (or keywords and values) and
// PostgreSQL's environment variables name, and makes or migrates the tables. It
// fails with store.ErrVersion if a newer Kymo made them. No error holds the password.
func Open(url string, opts Options) (*Store, error) {
	s, config, err := prepare(url, opts)
	if err != nil {
		return nil, err
	}
	if err := s.start(config, s.meet, s.needConns, s.migrate, s.readPruned, s.readReckoned, func(ctx context.Context) error { return s.aheadOf(ctx, s.now()) }); err != nil {
		return nil, err
	}
	s.gatherer = gather.New(gather.Config{
		Write: s.write, Writers: writers, Requests: s.requests, Hold: s.hold, Limit: s.limit,
	})
	s.end = sync.OnceFunc(s.shutdown)
	s.startMerging()
	return s, nil
}

// prepare returns a store that is not connected, and how to connect.
func prepare(url string, opts Options) (*Store, *pgxpool.Config, error) {
	config, err := parseURL(url)
	if err != nil {
		return nil, nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	c := config.ConnConfig
	// Named statements belong to a session of the server, which a pooler may change.
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, connectTimeout)
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "kymo"
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = max(config.MaxConns, writers+4) // reports and writers should not wait for each other
	}
	// A pooler in session mode answers the first statement when it has a session.
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, c.ConnectTimeout)
		defer cancel()
		return conn.Ping(ctx)
	}
	s := &Store{now: opts.Now, logger: opts.Logger, errors: namedErrors(c.Password), tuning: opts.tuning,
		session: newSession(c), slots: newSlots(int(config.MaxConns))}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	s.tuning.setDefaults()
	return s, config, nil
}

func (t *tuning) setDefaults() {
	u := defaultTuning
	t.requests, t.parts = cmp.Or(t.requests, u.requests), cmp.Or(t.parts, u.parts)
	t.drop = cmp.Or(t.drop, u.drop)
	t.hold, t.limit, t.mergeEvery = cmp.Or(t.hold, u.hold), cmp.Or(t.limit, u.limit), cmp.Or(t.mergeEvery, u.mergeEvery)
}

// start connects and takes the steps.
func (s *Store) start(config *pgxpool.Config, steps ...func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	var err error
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return fmt.Errorf("PostgreSQL: %w", s.errors.Redact(err))
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			s.pool.Close()
			return fmt.Errorf("PostgreSQL: %w", remote.Unreached(s.errors.Redact(explained(err))))
		}
	}
	return nil
}

// Append implements store.Store.
func (s *Store) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	return s.gatherer.Append(ctx, batches...)
}

// Floor implements store.Floorer.
func (s *Store) Floor() int64 { return s.pruned.Load() }

// Check implements store.Remote.
func (s *Store) Check(ctx context.Context) error {
	if err := s.withConn(ctx, func(conn *pgxpool.Conn) error { return conn.Ping(ctx) }); err != nil {
		return s.classify(ctx, err)
	}
	return s.gatherer.Trouble()
}

// Waiting implements store.Remote.
func (s *Store) Waiting() int { return s.gatherer.Waiting() }

// Close waits for what is being written and gives the connections back.
func (s *Store) Close() error {
	s.end()
	return nil
}

func (s *Store) shutdown() {
	s.gatherer.Close()
	s.closed.Store(true)
	s.merging.Stop()
	s.pool.Close() // waits for running queries
}

// readPruned reads the instant up to which this hub or another one has pruned.
func (s *Store) readPruned(ctx context.Context) error {
	return s.withConn(ctx, func(conn *pgxpool.Conn) error { return s.readPrunedWith(ctx, conn) })
}

func (s *Store) readPrunedWith(ctx context.Context, conn *pgxpool.Conn) error {
	var value int64
	err := s.readingWith(ctx, conn, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT coalesce(max(value), 0) FROM kymo_state WHERE key = 'pruned'`).Scan(&value)
	})
	if err == nil {
		s.pruned.Set(value)
	}
	return err
}

var errDamaged = errors.New("a row of kymo_pages is damaged")
