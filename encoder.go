package kymo

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"strconv"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// maxBatch is the maximum number of requests in a batch. Larger batches would be
// slightly cheaper for the hub, but double the memory in the service.
const maxBatch = 4 << 10

// identity is where batches come from.
type identity struct {
	service  string
	instance string
	version  string // the service's release; "" if unknown
}

// encoder turns records into encoded batches. The collector owns it.
type encoder struct {
	identity
	base     time.Time
	sequence uint64 // of the last batch that was kept

	builder   *wire.Builder
	keys      map[seriesKey]uint32 // indexes of the builder's keys
	endpoints map[string]string    // by pattern
	scratch   []byte
}

// seriesKey is a wire.Key that is cheaper to look up.
type seriesKey struct {
	pattern string
	status  uint16
	method  uint8
}

// maxEndpoints bounds how many patterns are remembered. Only services that pass raw
// paths as routes have more.
const maxEndpoints = 2 << 10

func newEncoder(service, instance, version string, base time.Time) *encoder {
	e := &encoder{identity: identity{service, instance, version}, base: base, endpoints: make(map[string]string)}
	e.reset()
	return e
}

// reset discards the current batch, and whatever state a panic may have left.
func (e *encoder) reset() {
	e.builder = wire.NewBuilder()
	e.keys = make(map[seriesKey]uint32)
}

// newInstance names this run of the process.
func newInstance() string {
	host, err := os.Hostname()
	if host = wire.Clean(host, wire.MaxInstance-40); err != nil || host == "" {
		host = "localhost"
	}
	var random [6]byte
	rand.Read(random[:]) // never fails
	return host + "-" + strconv.Itoa(os.Getpid()) + "-" + hex.EncodeToString(random[:])
}

// offset converts a record's clock reading to Unix nanoseconds. It is taken again for
// each drain, so that it follows corrections of the wall clock.
func (e *encoder) offset(now time.Time) int64 {
	return now.UnixNano() - int64(now.Sub(e.base))
}

// add appends one of the buffer's records to the current batch.
func (e *encoder) add(b *buffer, rec *record, offset int64) {
	req := wire.Request{
		Start:     clamp((rec.start+offset)/int64(time.Millisecond), wire.MaxStart),
		Duration:  duration(rec.total),
		FirstByte: min(max(duration(rec.first), 1), duration(rec.total)),
		Size:      clamp(rec.size, wire.MaxSize),
	}
	if rec.stream {
		req.Lifetime = req.Duration
		req.Duration = req.FirstByte
	}
	if rec.method == methodHead {
		req.Size = 0 // net/http counts what it does not send
	}
	pattern := rec.pattern
	if rec.userLen|rec.routeLen|rec.errorLen != 0 {
		user, route, class := b.texts(rec)
		req.User = wire.Clean(user, wire.MaxUser)
		req.Error = wire.Clean(class, wire.MaxError)
		if route != "" {
			pattern = route
		}
	}
	e.builder.AddRow(e.key(seriesKey{pattern, rec.status, rec.method}), &req)
}

func (e *encoder) key(k seriesKey) uint32 {
	place, ok := e.keys[k]
	if !ok {
		place = e.builder.Key(wire.Key{
			Service:  e.service,
			Endpoint: e.endpoint(k.pattern),
			Method:   methods[k.method],
			Status:   int(k.status),
		})
		e.keys[k] = place
	}
	return place
}

func (e *encoder) endpoint(pattern string) string {
	s, ok := e.endpoints[pattern]
	if !ok {
		if len(e.endpoints) >= maxEndpoints {
			clear(e.endpoints)
		}
		s = endpoint(pattern)
		e.endpoints[pattern] = s
	}
	return s
}

// take ends the current batch and returns it with the drops, encoded under the next
// sequence number. The number is used up only when keep is called.
func (e *encoder) take(drops []wire.Drop) []byte {
	for _, d := range drops {
		e.builder.AddDrop(d)
	}
	b := e.builder.Batch(e.instance, e.sequence+1)
	b.Version = e.version
	e.scratch = b.AppendBinary(e.scratch[:0])
	e.builder.Reset()
	clear(e.keys)
	return append(make([]byte, 0, len(e.scratch)), e.scratch...)
}

// health returns results of checks as a batch under the next sequence number,
// which is used up only when keep is called.
func (e *encoder) health(results []wire.HealthResult) []byte {
	b := wire.Batch{Instance: e.instance, Sequence: e.sequence + 1, Version: e.version, Health: results}
	return b.AppendBinary(nil)
}

func (e *encoder) keep() { e.sequence++ }

func duration(ns int64) time.Duration {
	return time.Duration(clamp(ns, int64(wire.MaxDuration)))
}

// clamp brings v within 0 and limit: clocks jump.
func clamp(v, limit int64) int64 { return max(0, min(v, limit)) }
