package pgstore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// shyFor is how long no more connections are asked for than the server last allowed.
	shyFor = time.Minute
	// refusedFor is how long a caller waits while the server refuses even one.
	refusedFor   = 10 * time.Second
	refusedPause = 50 * time.Millisecond
)

// slots limits the connections to as many as the server allows at present: a role,
// a database and the server have limits, and others use connections, too. Who gets
// none waits for one, first come, first served. The pool would return the server's
// error instead.
type slots struct {
	mu      sync.Mutex
	max     int
	limit   int // at most max
	used    int
	refused time.Time // when the server last refused one
	queue   []chan struct{}
}

func newSlots(limit int) *slots { return &slots{max: limit, limit: limit} }

// acquire returns a connection of the pool, to be given back with release.
func (s *slots) acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	for end := time.Now().Add(refusedFor); ; {
		if err := s.take(ctx); err != nil {
			return nil, err
		}
		conn, err := pool.Acquire(ctx)
		if err == nil {
			return conn, nil
		}
		refused := tooMany(err)
		// A pooler in session mode lets a connection wait until another one ends.
		late := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && s.others() > 0
		others := s.give(refused || late)
		if !refused && !late {
			return nil, err
		}
		if others > 0 {
			continue // one of them will be free
		}
		if time.Now().After(end) {
			return nil, err
		}
		select {
		case <-time.After(refusedPause):
		case <-ctx.Done():
			return nil, err // it says more than that of the context
		}
	}
}

func (s *slots) release(conn *pgxpool.Conn) {
	conn.Release()
	s.give(false)
}

// tooMany reports whether the server refused a connection because there are too many.
func tooMany(err error) bool {
	return state(err) == stateTooManyConnections || err != nil && strings.Contains(err.Error(), "no more connections allowed") // PgBouncer
}

// others returns how many connections are used but for one.
func (s *slots) others() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used - 1
}

// take waits until fewer connections are used than the limit.
func (s *slots) take(ctx context.Context) error {
	s.mu.Lock()
	if s.limit < s.max && time.Since(s.refused) > shyFor {
		s.limit = s.max
	}
	if s.used < s.limit {
		s.used++
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	s.queue = append(s.queue, turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.queue, turn); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
	} else {
		s.pass() // its turn came meanwhile
	}
	return ctx.Err()
}

// give gives a slot back, and returns how many others are used. If the server refused
// the connection for it, the limit is how many there are without it.
func (s *slots) give(refused bool) (others int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused {
		s.limit, s.refused = max(1, min(s.limit, s.used-1)), time.Now()
	}
	s.pass()
	return s.used
}

// pass lets the next in the queue have a slot that is no longer used. The mutex is held.
func (s *slots) pass() {
	s.used--
	for len(s.queue) > 0 && s.used < s.limit {
		close(s.queue[0])
		s.queue = s.queue[1:]
		s.used++
	}
}
