package kymo

import (
	"net/http"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// Request is a request, or a job like one, to be recorded.
type Request struct {
	Route  string // its template, as in "/users/{id}"; "" is recorded as "(unmatched)"
	Method string // one that HTTP does not define is recorded as "_OTHER"
	Status int    // of HTTP, 100 to 999; 0 is 200

	Start    time.Time     // zero is Duration ago
	Duration time.Duration // from start to end; negative is 0
	// FirstByte is the time from start to the response's header, 0 if it is
	// not known.
	FirstByte time.Duration
	// Stream is set for what counts by its first byte. Duration is then kept as
	// its lifetime.
	Stream bool
	Size   int64 // bytes of the response's body

	User  string // who made it, "" if that is not known; at most 255 bytes
	Error string // the class of what went wrong; at most 100 bytes

	// Probe is set for a request that only asks whether the service is alive. It
	// is counted in Stats.Probes and not recorded.
	Probe bool
}

// Record records a request that did not come through Middleware: one of another
// protocol, or a job from a queue. It never blocks. What is out of bounds is
// brought within them; after Close the request is counted as dropped.
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
	m.recorder.put(&rec, short(r.User, wire.MaxUser), short(r.Route, wire.MaxEndpoint), short(r.Error, wire.MaxError))
}
