package chstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/hub/internal/loop"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/gather"
	"github.com/kymohq/kymo/hub/internal/store/remote"
	"github.com/kymohq/kymo/internal/wire"
)

// Options configures a Store. The zero value is ready to use.
type Options struct {
	Logger *slog.Logger // for what goes wrong in the background; slog.Default() if nil

	tuning tuning // defaultTuning where zero
}

// tuning is sizes and times that tests change.
type tuning struct {
	requests    int           // max in a group of more than one batch
	enough      int           // so many requests make a group that does not wait for more
	pace        time.Duration // from the beginning of a group to that of the next
	hold, limit time.Duration // see gather.Config
	patience    time.Duration // how long an answer is waited for
	sealing     sealing
}

var defaultTuning = tuning{
	requests: 100_000, enough: 10_000, pace: time.Second, hold: 10 * time.Second, limit: commitWithin * time.Second,
	patience: answerWithin, sealing: defaultSealing,
}

// Store is the store in ClickHouse.
type Store struct {
	*cluster
	tuning
	hub      uint64 // identifies this hub among all that write
	logger   *slog.Logger
	errors   remote.Errors
	gatherer *gather.Gatherer
	closed   atomic.Bool
	end      func()
	pruned   remote.Floor
	reckoned atomic.Int64 // Unix ms; 0 if it is not known
	adding   sync.Mutex   // held while a document is added
	offset   atomic.Int64 // the ledger's clock less ours, in seconds
	orphans  orphans

	sealer   *loop.Loop
	trusting *loop.Loop // nil without replicas
}

var (
	_ store.Store      = (*Store)(nil)
	_ store.Floorer    = (*Store)(nil)
	_ store.Timekeeper = (*Store)(nil)
	_ store.Sizer      = (*Store)(nil)
	_ store.Remote     = (*Store)(nil)
	_ store.Documenter = (*Store)(nil)
)

// Open connects to the servers that the URL names, and creates the tables. It fails
// with store.ErrVersion if a newer Kymo made them. No error holds the password.
func Open(url string, opts Options) (*Store, error) {
	a, err := parseURL(url)
	if err != nil {
		return nil, fmt.Errorf("ClickHouse: %w", err)
	}
	s := &Store{tuning: opts.tuning, logger: opts.Logger, hub: rand.Uint64() | 1, errors: namedErrors(a.password)}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	s.tuning.setDefaults()
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	if s.cluster, err = discover(ctx, a); err == nil {
		if err = s.start(ctx); err != nil {
			s.close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ClickHouse: %w", remote.Unreached(s.errors.Redact(err)))
	}
	s.gatherer = gather.New(gather.Config{Write: s.write, Requests: s.requests, Enough: s.enough, Pace: s.pace, Hold: s.hold, Limit: s.limit})
	s.end = sync.OnceFunc(s.shutdown)
	s.sealer = s.startSealing()
	if s.replicated {
		s.trusting = loop.Start(watchEvery, nil, s.trustAll)
	}
	return s, nil
}

func (t *tuning) setDefaults() {
	u := defaultTuning
	t.requests, t.enough, t.pace = cmp.Or(t.requests, u.requests), cmp.Or(t.enough, u.enough), cmp.Or(t.pace, u.pace)
	t.hold, t.limit = cmp.Or(t.hold, u.hold), cmp.Or(t.limit, u.limit)
	t.patience = cmp.Or(t.patience, u.patience)
	t.sealing = cmp.Or(t.sealing, u.sealing)
}

// start creates the tables wherever it can, and checks their version and what was
// pruned.
func (s *Store) start(ctx context.Context) error {
	var work sync.WaitGroup
	for _, sh := range s.shards {
		for _, n := range sh.nodes {
			work.Go(func() {
				if err := s.prepare(ctx, n); err != nil {
					s.logger.Warn("a ClickHouse server is not ready", "server", n.host, "error", s.errors.Redact(err))
				}
			})
		}
	}
	work.Wait()
	if err := s.recognize(ctx); err != nil {
		return err
	}
	snap, err := s.snapshot(ctx)
	if err == nil {
		s.offset.Store(snap.now - time.Now().Unix())
	}
	return err
}

// recognize checks the version of the tables, and that the cluster's definition lacks
// none of their shards, and notes new shards.
func (s *Store) recognize(ctx context.Context) error {
	var found notes
	if err := s.read(ctx, s.ledger(), func(n *node) (err error) {
		found, err = s.notesAt(ctx, n)
		return err
	}); err != nil {
		return err
	}
	if found.schema > schemaVersion {
		return fmt.Errorf("%w: the tables have version %d, this program expects %d", store.ErrVersion, found.schema, schemaVersion)
	}
	if int(found.shards) > len(s.shards) {
		return fmt.Errorf("the tables are on %d shards, but the cluster %q has %d: add the missing ones to remote_servers", found.shards, s.address.cluster, len(s.shards))
	}
	if found.schema == 0 {
		if err := s.noOtherLedger(ctx); err != nil {
			return err
		}
	}
	if found.schema < schemaVersion {
		if err := s.note(ctx, "schema", schemaVersion); err != nil {
			return err
		}
	}
	if int(found.shards) == len(s.shards) {
		return nil
	}
	if err := s.note(ctx, "shards", int64(len(s.shards))); err != nil || found.shards == 0 {
		return err
	}
	// Hubs that do not know a shard must find that out before it holds anything.
	return s.everywhere(ctx, s.ledger(), []string{stateTable}, func(ctx context.Context, n *node) error {
		found, err := s.notesAt(ctx, n)
		if err == nil && int(found.shards) < len(s.shards) {
			err = errBehind
		}
		return err
	})
}

// noOtherLedger fails if a shard other than the first has a ledger. Then the store is
// not new; the cluster's definition has its shards in another order.
func (s *Store) noOtherLedger(ctx context.Context) error {
	for _, sh := range s.shards[1:] {
		var rows uint64
		if err := s.reach(ctx, sh, func(n *node) error {
			there, err := count(ctx, n, fmt.Sprintf(`SELECT count() FROM system.tables WHERE database = %s AND name = %s`,
				quote(s.database), quote(tableOf(stateTable).local(s.replicated))))
			if err == nil && there > 0 {
				rows, err = count(ctx, n, `SELECT count() FROM `+s.table(stateTable))
			}
			return err
		}); err != nil {
			return err
		}
		if rows > 0 {
			return fmt.Errorf("the ledger is on shard %d of the cluster %q: name the shards in remote_servers in the order that they had, with this one as the first",
				sh.number, s.address.cluster)
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

// Check implements store.Remote: each shard must have a server that answers completely.
func (s *Store) Check(ctx context.Context) error {
	for _, sh := range s.shards {
		if err := s.read(ctx, sh, func(n *node) error { return nil }); err != nil {
			return s.classify(ctx, err)
		}
	}
	return s.gatherer.Trouble()
}

// Waiting implements store.Remote.
func (s *Store) Waiting() int { return s.gatherer.Waiting() }

// Close waits for writes in progress and closes the connections.
func (s *Store) Close() error {
	s.end()
	return nil
}

func (s *Store) shutdown() {
	s.gatherer.Close()
	s.closed.Store(true)
	s.sealer.Stop()
	s.trusting.Stop()
	s.close()
}

// orphans are groups of this hub that were announced, and will never be committed.
type orphans struct {
	mu      sync.Mutex
	numbers map[uint64]bool
}

// add adds a group, and forgets those that every hub treats as stale by now.
func (o *orphans) add(number uint64, now int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.numbers == nil {
		o.numbers = make(map[uint64]bool)
	}
	maps.DeleteFunc(o.numbers, func(number uint64, _ bool) bool { return now-secondOf(number) > 2*staleAfter })
	o.numbers[number] = true
}

func (o *orphans) remove(number uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.numbers, number)
}

func (o *orphans) has(number uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.numbers[number]
}

var errDamaged = errors.New("a row is damaged")
