package kymo

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// late is a request whose handler has returned without a response, where code
// further out may still write one: a framework whose handlers return errors
// writes them after its middlewares. It is recorded when its context ends, with
// what was written through our writer until then.
type late struct {
	once sync.Once
	rec  record // status is what counts if nothing is written
	h    *handler
	stop func() bool // ends waiting for the context

	takenOver bool // if nothing is written, the connection was taken over
}

// mayBeWritten reports whether a response may still come through our writer.
func (v *visit) mayBeWritten() bool { return !v.alone && v.w.parent.Done() != nil }

// wait keeps the record until the response is known.
func (x *exchange) wait(l *late) {
	n := x.note()
	n.mu.Lock()
	n.late = l
	n.mu.Unlock()
	x.m.waiting.add(x)
	var stop func() bool
	if x.parent.Err() == nil {
		stop = context.AfterFunc(x.parent, x.resolve)
	} else {
		// The server is ending all contexts, and may answer nevertheless.
		stop = time.AfterFunc(lateWithin, x.resolve).Stop
	}
	n.mu.Lock()
	l.stop = stop
	n.mu.Unlock()
}

// lateWithin is how long a response may take whose context has ended before.
const lateWithin = time.Second

// answered notes the status of a response whose header is written after the
// handler returned, and returns the state.
func (x *exchange) answered(status int) uint32 {
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
		x.m.waiting.remove(x)
	})
}

// waiting is the set of requests that wait for their status.
type waiting struct {
	mu  sync.Mutex
	set map[*exchange]struct{}
}

func (w *waiting) add(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.set == nil {
		w.set = make(map[*exchange]struct{})
	}
	w.set[x] = struct{}{}
}

func (w *waiting) remove(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.set, x)
}

// resolve records those whose context has ended, or all of them.
func (w *waiting) resolve(all bool) {
	var due []*exchange
	w.mu.Lock()
	for x := range w.set {
		if all || x.parent.Err() != nil {
			due = append(due, x)
		}
	}
	w.mu.Unlock()
	for _, x := range due {
		x.resolve()
	}
}
