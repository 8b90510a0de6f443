package kymo

import (
	"context"
	"net/http"
	"sync"
	"time"
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
	x.state.Or(flagWaiting)
	answered := func() { x.resolve(http.StatusOK) }
	var stop func() bool
	if x.parent.Err() == nil {
		stop = context.AfterFunc(x.parent, answered)
	} else {
		// The server is ending all contexts, and answers nevertheless.
		stop = time.AfterFunc(lateWithin, answered).Stop
	}
	n.mu.Lock()
	n.late.stop = stop
	n.mu.Unlock()
}

// lateWithin is how long a status may take where the context has ended before.
const lateWithin = time.Second

// resolve records a waiting request, once.
func (x *exchange) resolve(status int) {
	if x.state.Or(flagDone)&flagDone != 0 {
		return
	}
	x.m.waiting.remove(x)
	n := x.notes.Load()
	n.mu.Lock()
	rec, h, stop := n.late.rec, n.late.h, n.late.stop
	user, route, class := n.user, n.route, n.class
	n.mu.Unlock()
	if stop != nil {
		stop()
	}
	rec.status = uint16(status)
	h.record(&rec, user, route, class)
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
