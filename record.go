package kymo

import (
	"net/http"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// Request describes a request, or a job like one, for Monitor.Record and Exchange.End.
type Request struct {
	Route  string // the route's template, such as "/users/{id}"; "" is recorded as "(unmatched)"
	Method string // the HTTP method; others are recorded as "_OTHER"
	Status int    // the HTTP status, 100 to 999; 0 means 200

	Start    time.Time     // the zero value means Duration ago
	Duration time.Duration // from start to end; negative values count as 0
	// FirstByte is the time from Start until the response's header was written, 0 if
	// unknown.
	FirstByte time.Duration
	// Stream marks a stream: FirstByte is recorded as its duration, and Duration as
	// its lifetime.
	Stream bool
	Size   int64 // bytes of the response's body

	User  string // who made the request, "" if unknown; at most 255 bytes
	Error string // the class of the error, see SetError; at most 100 bytes

	// Probe marks a health probe. It is counted in Stats.Probes and not recorded.
	Probe bool
}

// Record records a request that did not come through Middleware, such as one of
// another protocol, or a job from a queue. It never blocks. Values out of range are
// clamped. After Close the request is counted as dropped.
func (m *Monitor) Record(r Request) {
	if r.Probe {
		m.probes.Add(1)
		return
	}
	m.record(&r, m.since(&r))
}

// since returns when r started, in nanoseconds since the monitor's base.
func (m *Monitor) since(r *Request) int64 {
	if r.Start.IsZero() {
		return m.now() - int64(max(r.Duration, 0))
	}
	return int64(r.Start.Sub(m.base))
}

func (m *Monitor) record(r *Request, start int64) {
	total := max(int64(r.Duration), 0)
	first := int64(r.FirstByte)
	if first <= 0 {
		first = total
	}
	status := r.Status
	if status < 100 || status > 999 {
		if status == 0 {
			status = http.StatusOK
		} else {
			status = http.StatusInternalServerError
		}
	}
	rec := record{
		start: start, total: total, first: min(first, total), size: max(r.Size, 0),
		status: uint16(status), method: methodID(r.Method), stream: r.Stream,
	}
	m.recorder.put(&rec, clip(r.User, wire.MaxUser), clip(r.Route, wire.MaxEndpoint), clip(r.Error, wire.MaxError))
}
