package kymo

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kymohq/kymo/internal/wire"
)

// record is what is kept of a request: one cache line. The collector turns it into a
// wire.Request, so that the request does not pay for that.
type record struct {
	start    int64 // nanoseconds since the monitor's base
	total    int64 // nanoseconds from start to the handler's return
	first    int64 // nanoseconds from start to the response header
	size     int64
	pattern  string // the mux's, with its method; not used if routeLen > 0
	text     uint32 // where the texts begin in the buffer's text: user, route, error
	status   uint16
	method   uint8 // indexes methods
	stream   bool  // first is the duration and total the lifetime
	userLen  uint8
	routeLen uint8
	errorLen uint8
}

// methods are the values of record.method.
var methods = [...]string{wire.MethodOther, "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"}

const (
	methodHead    = 6
	methodOptions = 7
)

// methodID returns a number for the client's text, which may be a megabyte.
func methodID(method string) uint8 {
	switch method {
	case "GET":
		return 1
	case "POST":
		return 2
	case "PUT":
		return 3
	case "DELETE":
		return 4
	case "PATCH":
		return 5
	case "HEAD":
		return methodHead
	case "OPTIONS":
		return methodOptions
	case "CONNECT":
		return 8
	case "TRACE":
		return 9
	}
	return 0
}

// The recorder's size: a record takes 64 bytes, and there is one buffer more
// than shards.
const (
	bufferedRecords = 8 << 10 // in all shards together
	textPerRecord   = 32      // bytes for user and explicit route, on average
	maxShards       = 32
)

// recorder is a set of bounded buffers that requests write to and the collector
// empties.
type recorder struct {
	shards []shard
	turn   atomic.Uint32
	near   sync.Pool     // of *shard: those that the processor has used before
	wake   chan struct{} // tells the collector that a buffer is half full
}

// buffer is the memory of a shard. Users and explicit routes are copied into text, since a
// string may be a small part of a large one that it would keep alive.
type buffer struct {
	records []record // n are in use
	n       int
	text    []byte // its capacity is fixed
}

// shard is a buffer with its lock and counters. Shards are taken from a pool, which
// has one for each processor: the lock is nearly always free.
type shard struct {
	mu sync.Mutex
	buffer
	recorded uint64 // all requests
	dropped  uint64 // of these, for lack of room

	reported uint64 // of dropped, by take

	_ [64]byte // keeps shards off each other's cache lines
}

func newRecorder() *recorder {
	// With one shard, the spare buffer would be half of the memory.
	n := max(2, min(runtime.GOMAXPROCS(0), maxShards))
	r := &recorder{shards: make([]shard, n), wake: make(chan struct{}, 1)}
	for i := range r.shards {
		r.shards[i].buffer = r.newBuffer()
	}
	r.near.New = func() any { return r.pick() }
	return r
}

func (r *recorder) newBuffer() buffer {
	n := bufferedRecords / len(r.shards)
	return buffer{records: make([]record, n), text: make([]byte, 0, n*textPerRecord)}
}

// pick returns a shard for a processor, each in turn.
func (r *recorder) pick() *shard {
	return &r.shards[r.turn.Add(1)%uint32(len(r.shards))]
}

// put records a request with its texts, which are within their limits, or counts
// it as dropped if there is no room.
func (r *recorder) put(rec *record, user, route, class string) {
	s := r.near.Get().(*shard)
	if s.put(rec, user, route, class) {
		r.signal()
	}
	r.near.Put(s)
}

// put is recorder.put for one shard. It reports whether to wake the collector.
func (s *shard) put(rec *record, user, route, class string) bool {
	texts := len(user) + len(route) + len(class)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorded++
	n := s.n
	if n >= len(s.records) || texts > cap(s.text)-len(s.text) {
		s.dropped++
		return true
	}
	to := &s.records[n]
	*to = *rec
	n++
	s.n = n
	half := n == len(s.records)/2
	if texts != 0 {
		half = s.putTexts(to, user, route, class) || half
	}
	return half
}

// putTexts copies the texts for which there is room, and reports whether that made the
// buffer's text half full.
func (s *shard) putTexts(to *record, user, route, class string) bool {
	before := len(s.text)
	to.text = uint32(before)
	to.userLen, to.routeLen, to.errorLen = uint8(len(user)), uint8(len(route)), uint8(len(class))
	s.text = append(append(append(s.text, user...), route...), class...)
	return before < cap(s.text)/2 && len(s.text) >= cap(s.text)/2
}

func (r *recorder) signal() {
	select {
	case r.wake <- struct{}{}:
	default: // a wake-up is pending
	}
}

// take swaps the shard's buffer for an empty one and returns it, with the number of
// requests dropped since the last take. An empty buffer without memory closes the
// shard.
func (s *shard) take(empty buffer) (full buffer, dropped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full, s.buffer = s.buffer, empty
	dropped, s.reported = s.dropped-s.reported, s.dropped
	return full, dropped
}

// texts returns the user, the explicit route and the error of one of the
// buffer's records.
func (b *buffer) texts(rec *record) (user, route, class string) {
	text := b.text[rec.text:]
	user, text = string(text[:rec.userLen]), text[rec.userLen:]
	route, text = string(text[:rec.routeLen]), text[rec.routeLen:]
	return user, route, string(text[:rec.errorLen])
}

// clear makes the buffer empty and forgets the strings in it.
func (b *buffer) clear() {
	clear(b.records[:b.n])
	b.n = 0
	b.text = b.text[:0]
}

// counts returns how many requests there were, and how many of them found no room.
func (r *recorder) counts() (recorded, dropped uint64) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		recorded += s.recorded
		dropped += s.dropped
		s.mu.Unlock()
	}
	return recorded, dropped
}
