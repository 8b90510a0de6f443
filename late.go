package kymo

import (
	"context"
	"net/http"
	"sync"
)

// late is a request whose handler has returned without a response, where code
// further out may still write one: a framework whose handlers return errors
// writes them after its middlewares. It is recorded with the status that is then
// written through our writer, or as answered once its context ends.
type late struct {
	rec  record
	h    *handler
	stop func() bool // ends waiting for the context
}

// mayBeWritten reports whether a response may still come through our writer.
func (v *visit) mayBeWritten() bool { return !v.alone && v.w.parent.Done() != nil }

// wait keeps the record until the status is known.
func (x *exchange) wait(h *handler, rec record) {
	n := x.note()
	n.mu.Lock()
	n.late = &late{rec: rec, h: h}
	n.mu.Unlock()
	x.m.waiting.add(x)
	if s := x.state.Or(flagReturned); s&statusBits != 0 {
		x.resolve(int(s & statusBits))
		return
	}
	stop := context.AfterFunc(x.parent, func() { x.resolve(http.StatusOK) })
	n.mu.Lock()
	n.late.stop = stop
	n.mu.Unlock()
}

// resolve records a waiting request, once.
func (x *exchange) resolve(status int) {
	if x.state.Or(flagDone)&flagDone != 0 {
		return
	}
	x.m.waiting.remove(x)
	n := x.notes.Load()
	n.mu.Lock()
	l := n.late
	user, route, class := n.user, n.route, n.class
	n.mu.Unlock()
	if l.stop != nil {
		l.stop()
	}
	l.rec.status = uint16(status)
	l.h.record(&l.rec, user, route, class)
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

// resolve records all of them as answered.
func (w *waiting) resolve() {
	w.mu.Lock()
	all := make([]*exchange, 0, len(w.set))
	for x := range w.set {
		all = append(all, x)
	}
	w.mu.Unlock()
	for _, x := range all {
		x.resolve(http.StatusOK)
	}
}
