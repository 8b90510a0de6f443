package intake

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/template"
	"github.com/kymohq/kymo/internal/wire"
)

// Intake takes bodies to the store. It is safe for concurrent use.
type Intake struct {
	Counters Counters
	// Presence, if not nil, is told who is there and how its checks stand, and
	// when that came in. The batch is only lent. It must be set before the first Batch.
	Presence func(*wire.Batch, time.Time)

	store     store.Store
	templates *template.Table
	retention atomic.Int64 // a time.Duration
	now       func() time.Time

	// The identity of batches that come without one.
	mu       sync.Mutex // guards the identity of the hub's own batches
	instance string
	sequence uint64

	batches sync.Pool // of *wire.Batch
}

// New returns an intake that keeps requests as old as retention.
func New(st store.Store, templates *template.Table, retention time.Duration, now func() time.Time) *Intake {
	in := &Intake{
		store: st, templates: templates, now: now,
		instance: "hub-" + rand.Text(),
		batches:  sync.Pool{New: func() any { return new(wire.Batch) }},
	}
	in.SetRetention(retention)
	return in
}

// Retention returns how old requests may be that are kept.
func (in *Intake) Retention() time.Duration { return time.Duration(in.retention.Load()) }

// SetRetention changes how old requests may be that are kept.
func (in *Intake) SetRetention(d time.Duration) { in.retention.Store(int64(d)) }

// Services returns the names of all services, in order.
func (in *Intake) Services() []string { return in.templates.Services() }

// Cardinality returns how many endpoints each service has, by name, and the limits.
func (in *Intake) Cardinality() ([]template.Cardinality, template.Limits) {
	return in.templates.Cardinality()
}

// Receipt is the answer to a body that is durable.
type Receipt struct {
	Accepted  int  `json:"accepted" doc:"How many requests of the body are durable now." example:"2"`
	Duplicate bool `json:"duplicate" doc:"Whether they were durable before, and so count once." example:"false"`
	Dropped   int  `json:"dropped,omitempty" doc:"Requests of a batch that are older than what the hub keeps, or more than 24 h in the future. They are counted as dropped requests of their service." example:"0"`
}

// Malformed says whether an error of Batch or JSON is the sender's: the same
// body will never be accepted.
func Malformed(err error) bool {
	var e *ingest.Error
	var f *wire.FieldError
	return errors.As(err, &e) || errors.As(err, &f) || errors.Is(err, wire.ErrMalformed)
}

// Batch keeps an encoded batch. On return its requests are durable, or there is
// an error: Malformed, or one of the store. A batch of presence is passed on, and
// nothing of it is kept.
func (in *Intake) Batch(ctx context.Context, data []byte) (Receipt, error) {
	b := in.batches.Get().(*wire.Batch)
	defer in.batches.Put(b)
	if err := wire.Decode(data, b); err != nil {
		in.Counters.Refused.Add(1)
		return Receipt{}, err
	}
	if err := in.admitHealth(b); err != nil {
		in.Counters.Refused.Add(1)
		return Receipt{}, err
	}
	if b.Kind != wire.Kept {
		in.Counters.Presence.Add(1)
		if in.Presence != nil {
			in.Presence(b, in.now())
		}
		return Receipt{}, nil
	}
	from, to, now := in.span()
	lateHealth := screenHealth(b, from, to)
	late := screen(b, from, to, now)
	r, err := in.keep(ctx, late, false, b)
	if err == nil && !r.Duplicate {
		in.Counters.HealthLate.Add(uint64(lateHealth))
	}
	return r, err
}

// admitHealth says why a batch's health results are not taken, as a *wire.FieldError.
func (in *Intake) admitHealth(b *wire.Batch) error {
	for i := range b.Health {
		if b.Health[i].Service == "" {
			return &wire.FieldError{Index: -1, Field: fmt.Sprintf("health[%d].service", i),
				Problem: "is missing: only the hub's own checks belong to no service"}
		}
	}
	return in.templates.AdmitHealth(b)
}

// screenHealth removes the health results that end before from or begin at to
// or after, and returns how many they were.
func screenHealth(b *wire.Batch, from, to int64) (removed int) {
	n := len(b.Health)
	b.Health = slices.DeleteFunc(b.Health, func(r wire.HealthResult) bool { return r.To < from || r.From >= to })
	return n - len(b.Health)
}

// JSON keeps a body of PerformanceMetric objects. With an idempotency key, a
// body that comes again with the same key counts once.
func (in *Intake) JSON(ctx context.Context, data []byte, key string) (Receipt, error) {
	now := in.now()
	from, to, _ := in.span()
	o := ingest.Options{Templates: in.templates, Now: now, From: from, To: to}
	if key != "" {
		// With the key for an instance, the batches of its body are numbered from 0.
		sum := sha256.Sum256([]byte(key))
		o.Instance = "key-" + hex.EncodeToString(sum[:16])
	}
	body, err := ingest.JSON(data, o)
	if err != nil {
		in.Counters.Refused.Add(1)
		return Receipt{}, err
	}
	defer body.Free()
	if body.Requests == 0 {
		return Receipt{}, nil
	}
	return in.keep(ctx, 0, key == "", body.Batches...)
}

// span returns which starts are accepted, and now, in Unix milliseconds. What
// the store forgot for want of room would not be seen again: it is not accepted.
func (in *Intake) span() (from, to, now int64) {
	t := in.now()
	from = t.Add(-in.Retention()).UnixMilli()
	if f, ok := in.store.(store.Floorer); ok {
		from = max(from, f.Floor())
	}
	return from, t.Add(future).UnixMilli(), t.UnixMilli()
}

// keep caps the endpoints of a body's batches and appends them together. Batches
// that come without an identity get one of the hub's own, and not before it is
// known that they are taken: a number that is not used leaves a gap behind.
func (in *Intake) keep(ctx context.Context, late int, anonymous bool, batches ...*wire.Batch) (Receipt, error) {
	r := Receipt{Dropped: late}
	over := make([]template.Over, len(batches))
	for i, b := range batches {
		var err error
		if over[i], err = in.templates.Cap(b); err != nil {
			in.Counters.Refused.Add(1)
			return Receipt{}, err
		}
		r.Accepted += b.Len()
	}
	if anonymous {
		in.identify(batches)
	}
	fresh, err := in.store.Append(ctx, batches...)
	if err != nil {
		if anonymous {
			in.rename()
		}
		in.Counters.StoreFails.Add(1)
		return Receipt{}, fmt.Errorf("append: %w", err)
	}
	r.Duplicate = true
	for i, b := range batches {
		if !fresh[i] {
			in.Counters.Duplicates.Add(1)
			continue
		}
		r.Duplicate = false
		in.count(b, late, over[i])
	}
	return r, nil
}

// identify numbers batches as the hub's own.
func (in *Intake) identify(batches []*wire.Batch) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, b := range batches {
		in.sequence++
		b.Instance, b.Sequence = in.instance, in.sequence
	}
}

// rename takes another name for the hub's own batches. Under the old one, those
// that were not kept would be gaps, of which a store remembers so many.
func (in *Intake) rename() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.instance, in.sequence = "hub-"+rand.Text(), 0
}

// count counts a batch that is new. Its drops hold the late ones too.
func (in *Intake) count(b *wire.Batch, late int, over template.Over) {
	in.templates.Kept(over)
	c := &in.Counters
	c.Batches.Add(1)
	c.Requests.Add(uint64(b.Len()))
	c.HealthRows.Add(uint64(len(b.Health)))
	c.Overflowed.Add(over.All())
	dropped := uint64(0)
	for i := range b.Drops {
		dropped += b.Drops[i].Count
	}
	c.Late.Add(uint64(late))
	c.Dropped.Add(dropped - min(dropped, uint64(late)))
}
