package pgstore

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	mathrand "math/rand/v2"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// requestColumns are the columns of a copied row, in order.
const requestColumns = `metric_id, endpoint, method, response_time_ms, status_code, user_id, created_at,
	duration_ns, first_byte_ns, lifetime_ns, response_bytes, instance_id, service, version, error, trace_id`

const requestColumnCount = 16

const copyRequests = `COPY ` + requestsTable + ` (` + requestColumns + `) FROM STDIN (FORMAT binary)`

// copier is a reader of requests in the binary format of COPY
// (https://www.postgresql.org/docs/current/sql-copy.html). It encodes them as they
// are read: making a slice of values for each row would cost more than PostgreSQL's
// own work.
type copier struct {
	sources []copySource
	from    int64 // requests that started earlier are left out
	row     int
	buffer  []byte
	at      int // how much of the buffer was read
	ids     *mathrand.ChaCha8
	ended   bool
}

// copySource is a batch and the numbers of instances.
type copySource struct {
	batch     *wire.Batch
	instance  int64   // the batch's
	processes []int64 // of its processes; empty if it has none
}

var _ io.Reader = (*copier)(nil)

// copyChunk is about how many bytes are encoded at a time.
const copyChunk = 1 << 16

func newCopier(sources []copySource, from int64) *copier {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // it cannot fail
	c := &copier{sources: sources, from: from, ids: mathrand.NewChaCha8(seed)}
	c.buffer = append(c.buffer, "PGCOPY\n\xff\r\n\x00"...)
	c.buffer = append(c.buffer, 0, 0, 0, 0, 0, 0, 0, 0) // no flags, no extension
	return c
}

func (c *copier) Read(p []byte) (int, error) {
	if c.at == len(c.buffer) {
		if c.ended {
			return 0, io.EOF
		}
		c.buffer, c.at = c.buffer[:0], 0
		c.fill()
	}
	n := copy(p, c.buffer[c.at:])
	c.at += n
	return n, nil
}

// fill encodes the next rows, and after the last one the trailer.
func (c *copier) fill() {
	for len(c.buffer) < copyChunk {
		if len(c.sources) == 0 {
			c.buffer = binary.BigEndian.AppendUint16(c.buffer, 0xffff)
			c.ended = true
			return
		}
		source := &c.sources[0]
		if c.row == source.batch.Len() {
			c.sources, c.row = c.sources[1:], 0
			continue
		}
		if source.batch.Start[c.row] >= c.from {
			c.buffer = c.appendRow(c.buffer, source, c.row)
		}
		c.row++
	}
}

func (c *copier) appendRow(b []byte, source *copySource, i int) []byte {
	batch := source.batch
	key := &batch.Keys[batch.Key[i]]
	b = binary.BigEndian.AppendUint16(b, requestColumnCount)
	b = binary.BigEndian.AppendUint32(b, 16)
	b = c.appendID(b, batch.Start[i])
	b = appendText(b, key.Endpoint)
	b = appendText(b, key.Method)
	b = appendInt32(b, int32(roundMillis(batch.Duration[i])))
	b = appendInt32(b, int32(key.Status))
	b = appendOptional(b, batch.Users[batch.User[i]])
	b = appendInt64(b, copyTime(batch.Start[i]))
	b = appendInt64(b, batch.Duration[i])
	for _, v := range [...]int64{batch.FirstByte[i], batch.Lifetime[i], batch.Size[i]} {
		if v == 0 {
			b = appendNull(b)
		} else {
			b = appendInt64(b, v)
		}
	}
	instance, version := source.instance, batch.Version
	if len(batch.Processes) > 0 && batch.Process[i] != 0 {
		place := batch.Process[i]
		instance, version = source.processes[place], batch.Processes[place].Version
	}
	b = appendInt64(b, instance)
	b = appendText(b, key.Service)
	b = appendOptional(b, version)
	if len(batch.Error) > 0 {
		b = appendOptional(b, batch.Errors[batch.Error[i]])
	} else {
		b = appendNull(b)
	}
	if len(batch.Traces) > 0 && batch.Traces[i] != (wire.TraceID{}) {
		return append(binary.BigEndian.AppendUint32(b, 16), batch.Traces[i][:]...)
	}
	return appendNull(b)
}

// roundMillis rounds nanoseconds to milliseconds.
func roundMillis(ns int64) int64 {
	return int64(time.Duration(ns).Round(time.Millisecond) / time.Millisecond)
}

// appendID appends a UUID of version 7 (RFC 9562, section 5.7): the milliseconds
// and 74 random bits. Such identifiers nearly ascend with time, which keeps an index
// of them small, and only its end has to be in memory.
func (c *copier) appendID(b []byte, millis int64) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(millis)<<16|0x7000|c.ids.Uint64()&0x0fff)
	return binary.BigEndian.AppendUint64(b, 1<<63|c.ids.Uint64()>>2)
}

// epoch2000 is the instant from which PostgreSQL counts a timestamp's microseconds,
// in Unix milliseconds.
const epoch2000 = 946_684_800_000

func copyTime(millis int64) int64 { return (millis - epoch2000) * 1000 }

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// appendOptional appends a text, or NULL if it is empty.
func appendOptional(b []byte, s string) []byte {
	if s == "" {
		return appendNull(b)
	}
	return appendText(b, s)
}

func appendInt32(b []byte, v int32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, 4), uint32(v))
}

func appendInt64(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), uint64(v))
}

func appendNull(b []byte) []byte { return binary.BigEndian.AppendUint32(b, 0xffffffff) }
