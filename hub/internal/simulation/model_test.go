package simulation

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// model has each batch, and what the store must have of it.
type model struct {
	mu        sync.Mutex
	batches   map[identity]*batch
	order     []*batch
	violation string // the first; "" if there is none
}

type identity struct {
	instance string
	sequence uint64
}

// batch is one that was sent to the hub, or that the hub made.
type batch struct {
	identity
	data     []byte                 // as it is sent; nil if the hub made it
	requests map[int64]wire.Request // of data, by their sizes, which no two requests share
	dropped  uint64                 // that data reports

	attempts int
	variants []*wire.Batch // what the store was given: what is too old by then is left out
	kept     bool          // it was acknowledged, or was seen
	due      bool          // it was kept when the store was last asked, and so must be there
	counted  bool          // the store has answered that it is new
	variant  int           // that is stored; -1 if that is not known
	at       int64         // when it was acknowledged, by the true time

	lost   map[int64]bool // requests (sizes) and health results (negative numbers) that damage took
	forgot bool           // damage may have taken its identity
}

func newModel() *model { return &model{batches: make(map[identity]*batch)} }

func (m *model) add(b *batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches[b.identity] = b
	m.order = append(m.order, b)
}

// failf notes what must not be. Goroutines of the hub find it, too, so it ends nothing.
func (m *model) failf(format string, args ...any) {
	if m.violation == "" {
		m.violation = fmt.Sprintf(format, args...)
	}
}

// attempt is one time that the store is given a batch.
type attempt struct {
	*batch
	variant int
	late    bool // it was kept before
}

// given notes that the store is given a batch.
func (m *model) given(b *wire.Batch, screened func(sent *batch, got *wire.Batch) string) attempt {
	data := b.AppendBinary(nil)
	copied := new(wire.Batch)
	err := wire.Decode(data, copied)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.failf("the store is given a batch that cannot be decoded: %v", err)
	}
	id := identity{b.Instance, b.Sequence}
	known := m.batches[id]
	if known == nil {
		known = &batch{identity: id, variant: -1}
		m.batches[id] = known
		m.order = append(m.order, known)
	} else if known.data != nil {
		if problem := screened(known, copied); problem != "" {
			m.failf("batch %v: %s", id, problem)
		}
	}
	known.attempts++
	for i, v := range known.variants {
		if bytes.Equal(v.AppendBinary(nil), data) {
			return attempt{known, i, known.kept}
		}
	}
	known.variants = append(known.variants, copied)
	return attempt{known, len(known.variants) - 1, known.kept}
}

// answered notes the store's answer. After a power failure there is none.
func (m *model) answered(b attempt, fresh bool, err error, crashed bool, now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case crashed:
	case err != nil:
		if !errors.Is(err, store.ErrFull) && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrClosed) {
			m.failf("batch %v: %v, which says nothing of trying again", b.identity, err)
		}
	case fresh && (b.late || b.counted) && !b.forgot:
		m.failf("batch %v was kept, and is new to the store", b.identity)
	case fresh:
		b.kept, b.counted, b.batch.variant, b.at, b.lost, b.forgot = true, true, b.variant, now, nil, false
	case !b.kept && b.attempts < 2:
		m.failf("batch %v is new, and the store has it already", b.identity)
	case !b.kept:
		b.kept, b.at = true, now
		if len(b.variants) == 1 {
			b.batch.variant = 0
		}
	}
}

// asked notes that the store is asked from now on.
func (m *model) asked() {
	m.each(func(b *batch) { b.due = b.kept })
}

// each calls f for each batch, in the order in which they were made. Meanwhile, nothing
// changes: the hub writes its own results at any time.
func (m *model) each(f func(*batch)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.order {
		f(b)
	}
}

// pick returns the batches that match, in the order in which they were made.
func (m *model) pick(match func(*batch) bool) (picked []*batch) {
	m.each(func(b *batch) {
		if match(b) {
			picked = append(picked, b)
		}
	})
	return picked
}
