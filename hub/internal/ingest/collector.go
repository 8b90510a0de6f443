package ingest

import (
	"fmt"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/template"
	"github.com/kymohq/kymo/internal/wire"
)

// Options say how a reader reads.
type Options struct {
	// Templates knows the services' paths. Without it, raw paths are templated
	// by their segments alone.
	Templates *template.Table
	// Service is whose requests they are if they do not say so; "" is DefaultService.
	Service string
	// Now is the time of arrival, the start of requests without a timestamp.
	Now time.Time
	// From and To, Unix milliseconds, bound the timestamps that are accepted:
	// [From, To). A zero To is no bound.
	From, To int64
	// Instance and Sequence are the batches' identities. Sequence is called for
	// each batch, for a body only after all of it was read without an error.
	// Without it, they are numbered from 0.
	Instance string
	Sequence func() uint64
}

// DefaultService is the service of requests that name none.
const DefaultService = "default"

// maxTexts bounds the bytes of a batch's dictionaries: with rows of at most 40
// bytes, an encoded batch stays within wire.MaxBytes.
const maxTexts = 4 << 20

// collector gathers requests into batches within wire's limits. It remembers
// strings and keys, so that a request like one before costs two lookups.
type collector struct {
	o        Options
	builders []*wire.Builder // the first open of them are in use
	open     int
	texts    int // bytes of the dictionaries of the last builder in use
	strings  map[string]string
	keys     map[wire.Key]uint32 // as written → place in the last builder
	limit    int                 // requests in a batch
}

func newCollector(o Options) *collector {
	c := &collector{strings: make(map[string]string), keys: make(map[wire.Key]uint32), limit: wire.MaxRequests}
	c.reset(o)
	return c
}

// reset empties the collector for other options.
func (c *collector) reset(o Options) {
	if o.Service == "" {
		o.Service = DefaultService
	}
	if o.Sequence == nil {
		next := uint64(0)
		o.Sequence = func() uint64 { next++; return next - 1 }
	}
	c.o, c.open = o, 0
	c.begin()
}

// begin takes another builder into use.
func (c *collector) begin() {
	if c.open == len(c.builders) {
		c.builders = append(c.builders, wire.NewBuilder())
	}
	c.builders[c.open].Reset()
	c.open++
	c.texts = 0
	// Strings are counted when they are new, so they must be new to each batch.
	clear(c.strings)
	clear(c.keys)
}

func (c *collector) last() *wire.Builder { return c.builders[c.open-1] }

// full says whether the last builder should take no more requests.
func (c *collector) full() bool { return c.last().Len() >= c.limit || c.texts >= maxTexts }

// batches gives the builders' batches their identities.
func (c *collector) batches() []*wire.Batch {
	out := make([]*wire.Batch, 0, c.open)
	for _, b := range c.builders[:c.open] {
		out = append(out, b.Batch(c.o.Instance, c.o.Sequence()))
	}
	return out
}

// intern returns b as a string, the same for the same bytes. A new one is
// checked: problem is not empty if it is not fit for a batch.
func (c *collector) intern(b []byte, limit int) (s, problem string) {
	if s, ok := c.strings[string(b)]; ok && len(s) <= limit {
		return s, ""
	}
	s = string(b)
	if wire.Clean(s, limit) != s {
		return "", fmt.Sprintf("must be at most %d bytes of UTF-8 without control characters", limit)
	}
	c.strings[s] = s
	c.texts += len(s) + 8
	return s, ""
}

// maxRaw bounds a raw path, query and all, as servers do.
const maxRaw = 8 << 10

// add appends the request; on failure it says the field.
func (c *collector) add(m *metric) (field, problem string) {
	if c.full() {
		c.begin()
	}
	var raw wire.Key
	if raw.Service = c.o.Service; m.service != nil {
		if raw.Service, problem = c.intern(m.service, wire.MaxService); problem != "" {
			return "service", problem
		}
		if raw.Service == "" {
			return "service", "must not be empty; leave it off for " + c.o.Service
		}
	}
	if raw.Endpoint, problem = c.intern(m.endpoint, maxRaw); problem != "" {
		return "endpoint", problem
	}
	if raw.Method, problem = c.intern(m.method, maxRaw); problem != "" {
		return "method", problem
	}
	raw.Status = m.status
	r := wire.Request{Start: m.start, Duration: time.Duration(m.duration)}
	if r.User, problem = c.intern(m.user, wire.MaxUser); problem != "" {
		return "user_id", problem
	}
	if m.seen&fTimestamp == 0 || m.start < 0 {
		r.Start = c.o.Now.UnixMilli()
	} else if problem = c.outside(m.start); problem != "" {
		return "timestamp", problem
	}
	place, ok := c.keys[raw]
	if !ok {
		key, field, problem := c.key(raw)
		if problem != "" {
			return field, problem
		}
		place = c.last().Key(key)
		c.keys[raw] = place
	}
	c.last().AddRow(place, &r)
	return "", ""
}

func (c *collector) outside(start int64) string {
	switch {
	case c.o.To == 0:
	case start < c.o.From:
		return "is older than what this hub keeps; must be " + rfc3339(c.o.From) + " or later"
	case start >= c.o.To:
		return "is too far in the future; must be before " + rfc3339(c.o.To)
	}
	return ""
}

func rfc3339(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// key returns the series of a request from what was written.
func (c *collector) key(raw wire.Key) (key wire.Key, field, problem string) {
	key = raw
	if key.Method == "" {
		return key, "method", "must not be empty; it is such as GET"
	}
	key.Method = wire.KnownMethod(strings.ToUpper(key.Method))
	if key.Endpoint == "" {
		return key, "endpoint", "must not be empty; it is a route template or a path, such as /users/{id}"
	}
	endpoint, cut := template.Path(raw.Endpoint)
	if cut {
		return key, "endpoint", fmt.Sprintf("is too long; must be at most %d bytes", wire.MaxEndpoint)
	}
	if key.Endpoint = endpoint; c.o.Templates != nil {
		key.Endpoint = c.o.Templates.Endpoint(key.Service, raw.Endpoint)
	}
	return key, "", ""
}
