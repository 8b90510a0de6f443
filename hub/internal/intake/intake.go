package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/hub/internal/clock"
	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/template"
	"github.com/kymohq/kymo/internal/wire"
)

// Intake passes bodies on to the store. It is safe for concurrent use.
type Intake struct {
	Counters Counters

	store      store.Store
	registry   *registry
	retention  atomic.Int64 // a time.Duration
	clock      *clock.Clock
	identities *identities
	heartbeats heartbeats
	reporters  reporters
	keys       keys
	refusals   refusals
	onAppend   AppendFunc

	batches  sync.Pool // of *wire.Batch
	batchers sync.Pool // of *batcher
}

// New returns an intake that keeps requests up to the age of retention, from
// services within the limits.
func New(st store.Store, limits Limits, retention time.Duration, c *clock.Clock) *Intake {
	in := &Intake{
		store: st, registry: newRegistry(limits), clock: c, identities: newIdentities(),
		batches:  sync.Pool{New: func() any { return new(wire.Batch) }},
		batchers: sync.Pool{New: func() any { return newBatcher() }},
		onAppend: func(context.Context, int, error) {},
	}
	in.registry.hour = func() int64 { return in.clock.Now().Unix() / 3600 }
	in.SetRetention(retention)
	return in
}

// Retention returns how old requests may be that are kept.
func (in *Intake) Retention() time.Duration { return time.Duration(in.retention.Load()) }

// SetRetention changes how old requests may be that are kept.
func (in *Intake) SetRetention(d time.Duration) { in.retention.Store(int64(d)) }

// SetTemplates changes the rules for raw paths that come from now on.
func (in *Intake) SetTemplates(rules template.Rules) { in.registry.rules.Store(&rules) }

// Services returns the names of all services, in order.
func (in *Intake) Services() []string { return in.registry.names() }

// Cardinality returns how many endpoints each service has, by name, and the limits.
func (in *Intake) Cardinality() ([]Cardinality, Limits) {
	return in.registry.cardinality(), in.registry.limits
}

// Seed registers an endpoint of the store, so that a restart neither lifts the limits
// nor lets new endpoints displace those in use. The endpoint is empty for the dropped
// requests of a service. Recent is whether it had a request within a day; those come first.
func (in *Intake) Seed(service, endpoint string, recent bool) {
	in.registry.seed(service, endpoint, recent)
}

// OnHeartbeat registers f to be called with each heartbeat that arrives from now on.
func (in *Intake) OnHeartbeat(f HeartbeatFunc) { in.heartbeats.subscribe(f) }

// AppendFunc is called with the outcome of an attempt to append so many batches.
type AppendFunc func(ctx context.Context, batches int, err error)

// OnAppend registers f to be called after each attempt to append. It must be called before
// anything arrives.
func (in *Intake) OnAppend(f AppendFunc) { in.onAppend = f }

// Receipt is the answer to a body that is durable.
type Receipt struct {
	Accepted  int  `json:"accepted" doc:"How many requests of the body are durable." example:"2"`
	Duplicate bool `json:"duplicate" doc:"Whether they were durable before; they count once." example:"false"`
	Dropped   int  `json:"dropped,omitempty" doc:"Requests that were left out because they are older than what the hub keeps, or more than 24 h in the future. They are counted by reason, and reports of the time of their arrival show them." example:"0"`

	DroppedReasons DroppedReasons `json:"dropped_reasons,omitzero" doc:"How many of dropped there are for each reason."`
}

// DroppedReasons counts the requests that were left out of a body that was kept.
type DroppedReasons struct {
	Invalid  uint64 `json:"invalid,omitempty" doc:"A field is missing or wrong, in a format whose other requests are kept then." example:"0"`
	TooOld   uint64 `json:"too_old,omitempty" doc:"They started before what the hub keeps." example:"2"`
	InFuture uint64 `json:"in_future,omitempty" doc:"They started more than 24 h ahead of the hub's clock." example:"0"`
}

// Malformed reports whether an error of Batch or Read is a *wire.FieldError,
// the sender's mistake: the same body will never be accepted.
func Malformed(err error) bool {
	var bad *wire.FieldError
	return errors.As(err, &bad)
}

// Batch keeps an encoded batch. On return its requests are durable, or there is an
// error: Malformed, or one of the store. A heartbeat is passed on, and nothing of it is kept.
func (in *Intake) Batch(ctx context.Context, data []byte) (Receipt, error) {
	b := in.batches.Get().(*wire.Batch)
	defer in.batches.Put(b)
	err := wire.Decode(data, b)
	if err == nil {
		b.Clean()
		limitProcesses(b)
		err = in.admitHealth(b)
	}
	if err != nil {
		return Receipt{}, in.Refuse(serviceOf(b), err)
	}
	now := in.clock.Now()
	if b.Kind != wire.Kept {
		in.Counters.Heartbeats.Add(1)
		in.heartbeats.publish(b, now)
		return Receipt{}, nil
	}
	starts := in.span()
	lost := newLosses(now, starts)
	var reported [wire.DropReasons]uint64
	for i := range b.Drops {
		reported[b.Drops[i].Reason] += b.Drops[i].Count
		lost.place(&b.Drops[i])
	}
	lateHealth := screenHealth(b, starts)
	screen(b, starts, &lost)
	r, err := in.keep(ctx, &lost, in.append, b)
	if err == nil && !r.Duplicate {
		for reason, n := range reported {
			in.Counters.Dropped[reason].Add(n)
		}
		in.Counters.HealthLate.Add(uint64(lateHealth))
	}
	return r, err
}

// admitHealth registers the services of a batch's health results, or returns why
// they are refused.
func (in *Intake) admitHealth(b *wire.Batch) error {
	for i := range b.Health {
		if b.Health[i].Service == "" {
			return &wire.FieldError{Index: -1, Field: fmt.Sprintf("health[%d].service", i),
				Problem: "is missing: only the hub's own checks belong to no service"}
		}
	}
	return in.registry.admitHealth(b)
}

// Body is a body in a format for which there is a reader.
type Body struct {
	Reader  ingest.Reader
	Service string // of requests without one; "" is ingest.DefaultService
	// Key, if not empty, identifies the body: the same body with the same key counts once.
	// One of other Content is refused with ErrKeyReused, as long as the key is remembered.
	Key     string
	Content []byte
	// Lenient drops and counts requests that are beyond a limit. Otherwise one such
	// request causes the whole body to be refused. One that is too old or too far in the
	// future is dropped and counted in either case: it is the time that makes it so.
	Lenient bool
}

// maxKept is the number of strings up to which a batcher is reused: clearing a map
// takes time in proportion to its former size.
const maxKept = 1 << 14

// Read keeps all requests that a reader yields, or none of them. Errors are
// those of Batch, or of the reader.
func (in *Intake) Read(ctx context.Context, body Body) (Receipt, error) {
	now := in.clock.Now()
	starts := in.span()
	c := in.batchers.Get().(*batcher)
	defer func() {
		c.request = ingest.Request{} // it refers to the body
		if c.open == 1 && len(c.strings) <= maxKept {
			in.batchers.Put(c)
		}
	}()
	c.reset(in.registry, body.Service, now, starts)
	lost := newLosses(now, starts)
	if err := c.gather(body.Reader, body.Lenient, &lost); err != nil {
		return Receipt{}, in.Refuse(string(c.request.Service), err)
	}
	var instance string
	if body.Key != "" {
		instance = keyInstance(body.Key)
	}
	batches := c.batches(instance)
	if batches[0].Len() == 0 && lost.sum() == 0 {
		return Receipt{}, nil
	}
	if body.Key == "" {
		return in.keep(ctx, &lost, in.appendAnonymous, batches...)
	}
	fresh, ok := in.keys.claim(instance, sha256.Sum256(body.Content))
	if !ok {
		return Receipt{}, in.Refuse(serviceOf(batches[0]), ErrKeyReused)
	}
	receipt, err := in.keep(ctx, &lost, in.append, batches...)
	if fresh && (err != nil || receipt.Duplicate) { // a duplicate may be of another body, of before a restart
		in.keys.release(instance)
	}
	return receipt, err
}

// gather adds all of a reader's requests to the batches and counts those that are
// dropped.
func (c *batcher) gather(r ingest.Reader, lenient bool, lost *losses) error {
	for {
		if c.full() {
			c.begin()
		}
		err := c.next(r, lenient)
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		var refusal *ingest.RefusalError
		if !errors.As(err, &refusal) {
			return err
		}
		service := c.service
		if len(c.request.Service) > 0 {
			service = wire.Clean(string(c.request.Service), wire.MaxService)
		}
		lost.add(refusal.Reason, service, c.request.Start)
	}
}

// serviceOf returns a service of a batch, "" if it has none.
func serviceOf(b *wire.Batch) string {
	switch {
	case len(b.Keys) > 0:
		return b.Keys[0].Service
	case len(b.Health) > 0:
		return b.Health[0].Service
	}
	return ""
}

// keep caps the endpoints of a body's batches, adds the losses to the first, and appends the
// batches.
func (in *Intake) keep(ctx context.Context, lost *losses, appendTo appender, batches ...*wire.Batch) (Receipt, error) {
	r := Receipt{Dropped: int(lost.sum()), DroppedReasons: DroppedReasons{
		Invalid: lost.reasons[ingest.Invalid], TooOld: lost.reasons[ingest.TooOld], InFuture: lost.reasons[ingest.InFuture],
	}}
	over := make([]excess, len(batches))
	for i, b := range batches {
		var err error
		if over[i], err = in.registry.cap(b); err != nil {
			return Receipt{}, in.Refuse(serviceOf(b), err)
		}
		r.Accepted += b.Len()
	}
	// This comes after cap, so that losses neither register their services nor
	// cause a body to be refused.
	lost.moveTo(batches[0], in.registry.known)
	fresh, err := appendTo(ctx, batches)
	if err != nil {
		return Receipt{}, err
	}
	r.Duplicate = true
	for i, b := range batches {
		if !fresh[i] {
			in.Counters.Duplicates.Add(1)
			continue
		}
		r.Duplicate = false
		in.count(b, over[i])
	}
	if fresh[0] {
		for reason, n := range lost.reasons {
			in.Counters.Lost[reason].Add(n)
		}
	}
	return r, nil
}

// count counts a batch that is new.
func (in *Intake) count(b *wire.Batch, over excess) {
	in.registry.kept(over)
	c := &in.Counters
	c.Batches.Add(1)
	c.Requests.Add(uint64(b.Len()))
	c.HealthRows.Add(uint64(len(b.Health)))
	c.Overflowed.Add(over.sum())
}
