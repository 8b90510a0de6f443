package kymo

import (
	"container/list"
	"context"
	"net/http"
	"sync"
	"time"
)

// late is a request whose handler has returned without a response, while code further
// out may still write one: frameworks whose handlers return errors write these after
// their middlewares. It is recorded when its context ends, with what was written
// through our writer until then.
type late struct {
	x    *exchange
	once sync.Once
	rec  record // its status is recorded if nothing is written
	h    *handler
	stop func() bool // ends waiting for the context

	takenOver bool          // if nothing is written, the connection was taken over
	at        *list.Element // in waiting
}

// mayBeWritten reports whether a response may still come through our writer.
func (v *visit) mayBeWritten() bool { return !v.alone && v.w.parent.Done() != nil }

// wait keeps the record until the response is known.
func (x *exchange) wait(l *late) {
	l.x = x
	n := x.note()
	n.mu.Lock()
	n.late = l
	n.mu.Unlock()
	x.m.waiting.add(l)
	var stop func() bool
	if x.parent.Err() == nil {
		stop = context.AfterFunc(x.parent, x.resolve)
	} else {
		// The server is ending all contexts, and may still answer.
		stop = time.AfterFunc(lateWithin, x.resolve).Stop
	}
	n.mu.Lock()
	l.stop = stop
	n.mu.Unlock()
}

const (
	lateWithin = time.Second      // how long after its context has ended a response may come
	lateAtMost = 10 * time.Second // how long any is awaited: some contexts end only with the service
	maxWaiting = 1 << 10          // requests; if there are more, the first is recorded as it is
)

// commitLate notes the status of a response whose header is written after the
// handler returned, and returns the state.
func (x *exchange) commitLate(status int) uint32 {
	for {
		s := x.state.Load()
		if s&statusBits != 0 {
			return s
		}
		if n := s | uint32(status)&statusBits; x.state.CompareAndSwap(s, n) {
			return n
		}
	}
}

// resolve records a waiting request, once. It returns when that is done.
func (x *exchange) resolve() {
	n := x.notes.Load()
	n.mu.Lock()
	l := n.late
	n.mu.Unlock()
	l.once.Do(func() {
		s := x.state.Or(flagDone)
		n.mu.Lock()
		user, route, class, stop := n.user, n.route, n.class, l.stop
		n.mu.Unlock()
		if stop != nil {
			stop()
		}
		if status := s & statusBits; status != 0 {
			l.rec.status = uint16(status)
		} else if l.takenOver {
			l.rec.status, l.rec.stream = http.StatusSwitchingProtocols, true
		}
		l.rec.size = x.size.Load()
		l.h.record(&l.rec, user, route, class)
		x.m.waiting.remove(l)
	})
}

// waiting holds the requests that wait for their status, the oldest first.
type waiting struct {
	mu   sync.Mutex
	list list.List // of *late
}

func (w *waiting) add(l *late) {
	w.mu.Lock()
	l.at = w.list.PushBack(l)
	var first *late
	if w.list.Len() > maxWaiting {
		first = w.list.Front().Value.(*late)
	}
	w.mu.Unlock()
	if first != nil {
		first.x.resolve()
	}
}

func (w *waiting) remove(l *late) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list.Remove(l.at)
}

// resolve records the requests whose context has ended or that have waited too long, or
// all of them.
func (w *waiting) resolve(all bool) {
	var due []*late
	w.mu.Lock()
	for e := w.list.Front(); e != nil; e = e.Next() {
		if l := e.Value.(*late); all || l.isDue() {
			due = append(due, l)
		}
	}
	w.mu.Unlock()
	for _, l := range due {
		l.x.resolve()
	}
}

func (l *late) isDue() bool {
	waited := l.x.m.now() - l.rec.start - l.rec.total
	return waited >= int64(lateAtMost) || l.x.parent.Err() != nil
}
