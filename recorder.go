package kymo

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kymohq/kymo/wire"
)

// record is what a request leaves behind: one cache line. What it costs to turn
// it into a wire.Request is paid by the collector, not by the request.
type record struct {
	start    int64 // nanoseconds since the monitor's base
	total    int64 // nanoseconds from start to the handler's return
	first    int64 // nanoseconds from start to the response header
	size     int64
	pattern  string // as the mux has it, with method; not used if routeLen > 0
	text     uint32 // where the user's bytes, then the route's, begin in the buffer's text
	status   uint16
	method   uint8 // indexes methods
	stream   bool  // first is the duration and total the lifetime
	userLen  uint8
	routeLen uint8
}

// methods are the values of record.method.
var methods = [...]string{wire.MethodOther, "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"}

const methodHead = 6

// methodID keeps a number instead of the client's text, which may be a megabyte.
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
		return 7
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
	wake   chan struct{} // tells the collector that a buffer is half full
}

// buffer is the memory of a shard. Users and explicit routes are copied into
// text, since a string may be a small part of something big that it keeps alive.
type buffer struct {
	records []record // n are in use
	n       int
	text    []byte // its capacity is fixed
}

// shard is a buffer with its lock and counters. A request's shard comes with its
// pooled writer, and pools are per processor: the lock is nearly always free.
type shard struct {
	mu sync.Mutex
	buffer
	recorded uint64 // all that came
	dropped  uint64 // of these, for want of room

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
	return r
}

func (r *recorder) newBuffer() buffer {
	n := bufferedRecords / len(r.shards)
	return buffer{records: make([]record, n), text: make([]byte, 0, n*textPerRecord)}
}

// pick returns a shard for a new writer, each in turn.
func (r *recorder) pick() *shard {
	return &r.shards[r.turn.Add(1)%uint32(len(r.shards))]
}

// put records w's request, or counts it as dropped if the shard is full.
func (r *recorder) put(w *writer, total int64, pattern string, method uint8, status uint16, stream bool) {
	s := w.shard
	s.mu.Lock()
	s.recorded++
	n := s.n
	texts := len(w.user) + len(w.route)
	if n >= len(s.records) || texts > cap(s.text)-len(s.text) {
		s.dropped++
		s.mu.Unlock()
		r.signal()
		return
	}
	to := &s.records[n]
	to.start, to.total, to.first, to.size = w.start, total, w.first, w.size
	to.pattern = pattern
	to.status, to.method, to.stream = status, method, stream
	to.userLen, to.routeLen = uint8(len(w.user)), uint8(len(w.route))
	n++
	s.n = n
	half := n == len(s.records)/2
	if texts != 0 {
		half = s.putText(to, w) || half
	}
	s.mu.Unlock()
	if half {
		r.signal()
	}
}

// putText copies user and route, for which there is room, and says whether the
// text has become half full by it.
func (s *shard) putText(to *record, w *writer) bool {
	before := len(s.text)
	to.text = uint32(before)
	s.text = append(append(s.text, w.user...), w.route...)
	return before < cap(s.text)/2 && len(s.text) >= cap(s.text)/2
}

func (r *recorder) signal() {
	select {
	case r.wake <- struct{}{}:
	default: // it has been told
	}
}

// take swaps the shard's buffer for an empty one and says how many requests were
// dropped since the last take. Without memory, the empty one closes the shard.
func (s *shard) take(empty buffer) (full buffer, dropped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full, s.buffer = s.buffer, empty
	dropped, s.reported = s.dropped-s.reported, s.dropped
	return full, dropped
}

// texts returns the user and the explicit route of one of the buffer's records.
func (b *buffer) texts(rec *record) (user, route string) {
	text := b.text[rec.text:]
	return string(text[:rec.userLen]), string(text[rec.userLen:][:rec.routeLen])
}

// clear makes the buffer empty and forgets the strings in it.
func (b *buffer) clear() {
	clear(b.records[:b.n])
	b.n = 0
	b.text = b.text[:0]
}

// counts returns how many requests came, and how many of them found no room.
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
