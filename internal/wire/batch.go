package wire

import (
	"time"
)

// Request is one request as a service saw it.
type Request struct {
	Key
	Process
	User  string  // who made the request; "" if unknown
	Error string  // the class of the error, such as an exception's name; "" if none
	Trace TraceID // of the trace that it is part of; zero if unknown
	Start int64   // when it started, Unix milliseconds

	// Duration is from entering the middleware to the handler's return. For a
	// stream or an upgraded connection it is the time to the first byte, and
	// Lifetime the time to the handler's return; otherwise Lifetime is 0.
	Duration time.Duration
	Lifetime time.Duration
	// FirstByte is the time until the response header was written, 0 if it was
	// not measured. It is at most Duration.
	FirstByte time.Duration
	Size      int64 // bytes of the response's body
}

// Key names a series: the requests that are counted together.
type Key struct {
	Service  string
	Endpoint string // a route template, never a raw path; or one of the names below
	Method   string // upper case, or MethodOther
	Status   int
}

// Endpoints that are not route templates.
const (
	Unmatched = "(unmatched)" // no route matched
	Other     = "(other)"     // beyond the cap on endpoints per service
)

// MethodOther stands for every method that HTTP does not define.
const MethodOther = "_OTHER"

// KnownMethod returns method if HTTP (RFC 9110, RFC 5789) defines it, else MethodOther.
func KnownMethod(method string) string {
	switch method {
	case "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE":
		return method
	}
	return MethodOther
}

// ClientClosed is the status of a request whose client disconnected before the response
// was complete. It counts neither as an error nor as a client error.
const ClientClosed = 499

// Process is the process that answered a request.
type Process struct {
	Instance string // the process, by the name that it gives itself
	Version  string // its release; "" if unknown
}

// Drop is a number of requests of a service that were dropped.
type Drop struct {
	Service string
	At      int64 // Unix milliseconds
	Count   uint64
	Reason  DropReason
}

// Batch is a set of requests kept as columns: row i of each column belongs to
// request i. (Instance, Sequence) identifies it; two batches with the same
// identity are the same batch.
type Batch struct {
	Instance string // the process that made it, distinct for each of its runs
	Sequence uint64
	Version  string // the service's release; "" if unknown

	// The series and the users in this batch. A Builder lists each once, but
	// readers must not rely on that. Users[0] is ""; a batch without requests may
	// have no users.
	Keys  []Key
	Users []string

	Key       []uint32 // indexes Keys
	User      []uint32 // indexes Users
	Start     []int64  // Unix milliseconds
	Duration  []int64  // nanoseconds, as are the following
	FirstByte []int64
	Lifetime  []int64
	Size      []int64 // bytes

	// Errors lists the error classes, as Users lists users, and Error indexes it. Both
	// are empty if no request has an error.
	Errors []string
	Error  []uint32

	// Processes lists the processes that requests came through, and Process indexes it.
	// Processes[0] is empty and stands for that of Instance and Version; any other without an
	// instance has the batch's. Both are empty if all requests are of that one.
	Processes []Process
	Process   []uint32

	Traces []TraceID // of each request; empty if none is part of a trace

	Drops []Drop

	// Health has the results of checks: consecutive spans in a batch that is Kept, and
	// the present status in a heartbeat.
	Health []HealthResult
	Kind   Kind
}

// Len returns the number of requests.
func (b *Batch) Len() int { return len(b.Key) }

// Request returns request i.
func (b *Batch) Request(i int) Request {
	r := Request{
		Key:       b.Keys[b.Key[i]],
		Process:   b.ProcessOf(0),
		User:      b.Users[b.User[i]],
		Start:     b.Start[i],
		Duration:  time.Duration(b.Duration[i]),
		FirstByte: time.Duration(b.FirstByte[i]),
		Lifetime:  time.Duration(b.Lifetime[i]),
		Size:      b.Size[i],
	}
	if len(b.Error) > 0 {
		r.Error = b.Errors[b.Error[i]]
	}
	if len(b.Processes) > 0 {
		r.Process = b.ProcessOf(b.Process[i])
	}
	if len(b.Traces) > 0 {
		r.Trace = b.Traces[i]
	}
	return r
}

// ProcessOf returns the process that a value of the column Process stands for.
func (b *Batch) ProcessOf(place uint32) Process {
	if place == 0 {
		return Process{b.Instance, b.Version}
	}
	p := b.Processes[place]
	if p.Instance == "" {
		p.Instance = b.Instance
	}
	return p
}

// Move puts request from in the place of request to.
func (b *Batch) Move(to, from int) {
	b.Key[to], b.User[to], b.Start[to], b.Duration[to] = b.Key[from], b.User[from], b.Start[from], b.Duration[from]
	b.FirstByte[to], b.Lifetime[to], b.Size[to] = b.FirstByte[from], b.Lifetime[from], b.Size[from]
	if len(b.Error) > 0 {
		b.Error[to] = b.Error[from]
	}
	if len(b.Process) > 0 {
		b.Process[to] = b.Process[from]
	}
	if len(b.Traces) > 0 {
		b.Traces[to] = b.Traces[from]
	}
}

// Truncate removes the requests from place n on.
func (b *Batch) Truncate(n int) {
	b.Key, b.User, b.Start, b.Duration = b.Key[:n], b.User[:n], b.Start[:n], b.Duration[:n]
	b.FirstByte, b.Lifetime, b.Size = b.FirstByte[:n], b.Lifetime[:n], b.Size[:n]
	b.Error, b.Process, b.Traces = b.Error[:min(n, len(b.Error))], b.Process[:min(n, len(b.Process))], b.Traces[:min(n, len(b.Traces))]
}

// Reset empties the batch, keeping its memory.
func (b *Batch) Reset() {
	clear(b.Keys)
	clear(b.Users)
	clear(b.Errors)
	clear(b.Processes)
	clear(b.Health)
	*b = Batch{
		Keys: b.Keys[:0], Users: b.Users[:0],
		Key: b.Key[:0], User: b.User[:0], Start: b.Start[:0], Duration: b.Duration[:0],
		FirstByte: b.FirstByte[:0], Lifetime: b.Lifetime[:0], Size: b.Size[:0],
		Errors: b.Errors[:0], Error: b.Error[:0],
		Processes: b.Processes[:0], Process: b.Process[:0], Traces: b.Traces[:0],
		Drops: b.Drops[:0], Health: b.Health[:0],
	}
}
