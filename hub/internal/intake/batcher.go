package intake

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/template"
	"github.com/kymohq/kymo/internal/wire"
)

// maxTexts bounds the bytes of a batch's dictionaries, each text counted once, though it can be
// in two of them: with rows of at most 62 bytes, and the processes, an encoded batch stays within
// wire.MaxBytes.
const maxTexts = 7 << 18

// maxRaw bounds a raw path with its query, and a method, as servers do.
const maxRaw = 8 << 10

// maxRoute bounds a declared route, whose spelling can be longer than the template's.
const maxRoute = 512

// batcher gathers the requests that a reader yields into batches within wire's
// limits. It remembers strings and keys, so that a request that resembles an
// earlier one costs two lookups and no allocation.
type batcher struct {
	registry *registry
	service  string // of requests that name none
	now      int64  // of arrival, Unix milliseconds
	starts   span   // that are accepted

	builders  []*wire.Builder // the first open of them are in use
	open      int
	texts     int // bytes of the dictionaries of the last builder in use
	strings   map[string]string
	keys      map[written]uint32        // → place in the last builder
	processes map[wire.Process]struct{} // in the last builder

	request ingest.Request // here, where it is allocated once
	index   int            // of the next element
}

// written is a series as a body has it.
type written struct {
	wire.Key
	declared bool // the endpoint is a route that the sender knows
}

func newBatcher() *batcher {
	return &batcher{strings: make(map[string]string), keys: make(map[written]uint32), processes: make(map[wire.Process]struct{})}
}

// reset empties the batcher for another body.
func (c *batcher) reset(registry *registry, service string, now time.Time, starts span) {
	if service == "" {
		service = ingest.DefaultService
	}
	c.registry, c.service, c.now, c.starts = registry, service, now.UnixMilli(), starts
	c.open, c.index = 0, 0
	c.begin()
}

// begin takes another builder into use.
func (c *batcher) begin() {
	if c.open == len(c.builders) {
		c.builders = append(c.builders, wire.NewBuilder())
	}
	c.builders[c.open].Reset()
	c.open++
	c.texts = 0
	// Strings are counted when they are new, so they must be new to each batch.
	clear(c.strings)
	clear(c.keys)
	clear(c.processes)
}

func (c *batcher) last() *wire.Builder { return c.builders[c.open-1] }

// full reports whether the last builder should take no more requests.
func (c *batcher) full() bool { return c.last().Len() >= wire.MaxRequests || c.texts >= maxTexts }

// next adds the reader's next request to the last batch. It returns io.EOF after the
// last one, and an *ingest.RefusalError for an element that is not kept: one that the
// reader refuses, a request that started too early or too late or, if lenient, one beyond
// a limit. After any other error the whole body is refused.
func (c *batcher) next(r ingest.Reader, lenient bool) error {
	err := r.Next(&c.request)
	if err == nil {
		reason, field, problem := c.add(&c.request)
		switch {
		case problem == "":
		case lenient || reason != ingest.Invalid:
			if field == "service" {
				c.request.Service = nil // The loss cannot be counted under an invalid name.
			}
			err = &ingest.RefusalError{Reason: reason, Problem: field + ": " + problem}
		default:
			err = &wire.FieldError{Index: c.index, Field: field, Line: c.request.Line, Problem: problem}
		}
	}
	c.index++
	return err
}

// add appends the request. If it is not accepted, add returns the field at fault,
// the problem, and the reason under which it is counted.
func (c *batcher) add(r *ingest.Request) (reason ingest.Reason, field, problem string) {
	var raw written
	if raw.Service = c.service; r.Service != nil {
		if raw.Service, problem = c.intern(r.Service, wire.MaxService); problem != "" {
			return ingest.Invalid, "service", problem
		}
		if raw.Service == "" {
			return ingest.Invalid, "service", "must not be empty; omit it for " + c.service
		}
	}
	if raw.declared = len(r.Route) > 0; raw.declared {
		raw.Endpoint = c.clean(r.Route, maxRoute)
	} else {
		raw.Endpoint = c.clean(r.Endpoint, maxRaw)
	}
	raw.Method, raw.Status = c.clean(r.Method, maxRaw), r.Status
	row := wire.Request{Start: r.Start, Duration: r.Duration, FirstByte: r.FirstByte, Lifetime: r.Lifetime, Size: r.Size}
	row.User, row.Error = c.clean(r.User, wire.MaxUser), c.clean(r.Error, wire.MaxError)
	row.Instance, row.Version = c.clean(r.Instance, wire.MaxInstance), c.clean(r.Version, wire.MaxVersion)
	row.Process, row.Trace = c.process(row.Process), r.Trace
	if r.Start < 0 {
		row.Start = c.begun(r.Duration)
	}
	if field, problem = row.OutOfBounds(); problem != "" {
		return ingest.Invalid, field, problem
	}
	if reason, ok := c.starts.accepts(row.Start); !ok && r.Start >= 0 {
		return reason, "timestamp", c.starts.problem(reason)
	}
	place, ok := c.keys[raw]
	if !ok {
		key, field, problem := c.key(raw)
		if problem != "" {
			return ingest.Invalid, field, problem
		}
		place = c.last().Key(key)
		c.keys[raw] = place
	}
	c.last().AddRow(place, &row)
	return 0, "", ""
}

// process returns a process, or the one that stands for those over the limit.
func (c *batcher) process(p wire.Process) wire.Process {
	if p == (wire.Process{}) {
		return p
	}
	if _, ok := c.processes[p]; !ok {
		if len(c.processes) >= maxProcesses {
			return overProcesses
		}
		c.processes[p] = struct{}{}
	}
	return p
}

// begun returns when a request began that has ended by now: at least a millisecond ago, so that
// a report until now has it.
func (c *batcher) begun(d time.Duration) int64 {
	lasted := max(1, int64((d+time.Millisecond-1)/time.Millisecond))
	return max(c.now-lasted, c.starts.from, 0)
}

// intern returns b as a string, the same one for the same bytes, or the problem
// for which it cannot be in a batch.
func (c *batcher) intern(b []byte, limit int) (s, problem string) {
	if len(b) == 0 {
		return "", ""
	}
	if s, ok := c.strings[string(b)]; ok && len(s) <= limit && s == string(b) {
		return s, ""
	}
	s = string(b)
	if problem := wire.TextProblem(s, limit); problem != "" {
		return "", problem
	}
	c.strings[s] = s
	c.texts += len(s) + 8
	return s, ""
}

// clean returns as a string what a stranger may have chosen: characters that no name has
// are replaced, and what is beyond the limit is cut off.
func (c *batcher) clean(b []byte, limit int) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := c.strings[string(b)]; ok && len(s) <= limit {
		return s
	}
	raw := string(b)
	s := wire.Clean(raw, limit)
	c.texts += len(raw) + len(s) + 8
	if s == raw || len(s)+utf8.UTFMax <= limit { // it was not cut, and so is the same for any limit
		c.strings[raw] = s
	}
	return s
}

// key returns the series of a request whose fields are as written in the
// body.
func (c *batcher) key(raw written) (key wire.Key, field, problem string) {
	key = raw.Key
	if key.Method == "" {
		return key, "method", "must not be empty; must be a method such as GET"
	}
	key.Method = wire.KnownMethod(strings.ToUpper(key.Method))
	if key.Endpoint == "" {
		return key, "endpoint", "must not be empty; must be a route template or a path, such as /users/{id}"
	}
	if problem := wire.StatusProblem(key.Status); problem != "" {
		return key, "status_code", problem
	}
	if raw.declared {
		key.Endpoint = wire.Clean(template.Route(raw.Endpoint), wire.MaxEndpoint)
	} else {
		key.Endpoint = c.registry.endpoint(key.Service, raw.Endpoint)
	}
	return key, "", ""
}

// batches returns the batches under the given instance, numbered from 0.
func (c *batcher) batches(instance string) []*wire.Batch {
	out := make([]*wire.Batch, 0, c.open)
	for i, b := range c.builders[:c.open] {
		out = append(out, b.Batch(instance, uint64(i)))
	}
	return out
}
