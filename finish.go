package kymo

import (
	"cmp"
	"net/http"
	"runtime"
	"strings"
)

// finish records the request. ended is 0 if the handler returned, else the
// status of a handler that did not.
func (v *visit) finish(ended int) {
	w := v.w
	total := w.m.now() - w.start
	// From here on, a goroutine of the handler that still writes is not observed any
	// more, and does not add headers at the same time as we do.
	over := uint32(flagReturned)
	if w.state.Load()&statusBits != 0 {
		over |= flagDone // its status cannot change any more
	}
	s := w.state.Or(over)
	if s&statusBits == 0 {
		// net/http writes the header now, or what recovers from the panic does.
		w.first = total
		w.addLast(v.alone || ended != 0)
		s = w.state.Load()
	}
	for s&flagHeaded == 0 { // such a goroutine is adding them right now
		runtime.Gosched()
		s = w.state.Load()
	}
	s |= over
	if v.given != nil {
		flowBack(v.given, v.r)
	}
	status := v.status(s, ended)
	pattern, user, route, class := v.route(s)
	if !v.isCounted(s, pattern) {
		w.end(s)
		return
	}
	rec := record{
		start: w.start, total: total, first: w.first, size: w.size.Load(),
		pattern: pattern, status: uint16(status), method: methodID(v.r.Method),
		stream: s&(flagStream|flagHijacked) != 0 || status == http.StatusSwitchingProtocols,
	}
	if s&statusBits == 0 && ended == 0 && (status == http.StatusOK || status == w.adapterStatus()) && v.mayBeWritten() {
		w.wait(&late{rec: rec, h: v.h, takenOver: v.takenOver(s)})
		return
	}
	w.end(s)
	v.h.record(&rec, user, route, class)
}

// addLast adds our headers to a response that nothing was written to when the
// handler ended. Once the context has ended, code further out that did not wait for
// the handler may be writing the response, or the server may have finished it: then
// it is left alone, unless what writes it next is known to run in this goroutine.
func (w *writer) addLast(here bool) {
	if !here && w.parent.Err() != nil {
		w.state.Or(flagHeaded)
		return
	}
	defer func() { _ = recover() }() // without us, Header would not have been called
	w.addHeaders()
}

// addLate adds X-Response-Time where addLast did not, before what is written
// through our writer after the handler returned.
func (w *writer) addLate() {
	if h := w.below.Header(); h != nil && h[responseTime] == nil {
		w.value[0] = responseTimeValue(w.first)
		h[responseTime] = w.value[:]
	}
}

// header returns the header of the writer below, or nil if that panics, as net/http's
// for HTTP/2 does when the server has finished.
func (w *writer) header() (h http.Header) {
	defer func() { _ = recover() }()
	return w.below.Header()
}

// end marks the request as over: SetUser and the like no longer find it.
func (x *exchange) end(s uint32) {
	if s&flagDone == 0 {
		x.state.Or(flagDone)
	}
}

// record records a request, and logs once if the chain yields no routes.
func (h *handler) record(rec *record, user, route, class string) {
	h.m.recorder.put(rec, user, route, class)
	if h.routed.Load() {
		return
	}
	if route != "" || rec.pattern != "" {
		h.routed.Store(true)
		return
	}
	h.unrouted(rec)
}

// status returns the status to record.
func (v *visit) status(s uint32, ended int) int {
	w := v.w
	status := int(s & statusBits)
	if ended != 0 {
		return ended
	}
	if expected := w.adapterStatus(); expected != 0 {
		return expected
	}
	if status == 0 {
		switch {
		case v.takenOver(s) && !v.mayBeWritten():
			return http.StatusSwitchingProtocols
		case w.parent.Err() == nil:
		case w.clientLeft():
			return clientClosed
		case gaveUp(w.parent, w.below):
			return http.StatusServiceUnavailable
		}
		status = http.StatusOK
	}
	if s&(flagGone|flagFramed|flagTimedOut|flagFailed) == 0 {
		return status
	}
	switch {
	case s&flagGone != 0, s&flagFailed != 0 && (s&flagFramed != 0 || s&(flagStream|flagHijacked) == 0):
		return clientClosed
	case s&flagTimedOut != 0:
		return http.StatusServiceUnavailable
	case s&flagFramed != 0 && status == http.StatusOK:
		if call := w.callStatus(); call != 0 {
			return call
		}
		if w.parent.Err() != nil && w.clientLeft() {
			return clientClosed // the end of the call was not sent
		}
	}
	return status
}

// adapterStatus returns the status that an adapter set, or 0 if none did.
func (x *exchange) adapterStatus() int {
	n := x.notes.Load()
	if n == nil {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.status
}

// takenOver reports whether the connection of a request to which nothing was
// written was taken over past our writer: by its Unwrap, which leads to a Hijacker
// where the writer below is none itself; or, for a websocket, by a writer further
// out that the handler has kept, where there is one.
func (v *visit) takenOver(s uint32) bool {
	below := v.w.below
	upgrade := v.r.Header["Upgrade"]
	if s&flagUnwrapped != 0 && (len(upgrade) != 0 || v.r.Method == http.MethodConnect) && !implements[http.Hijacker](below) {
		return canHijack(below)
	}
	return !v.alone && len(upgrade) != 0 && strings.EqualFold(upgrade[0], "websocket") && canHijack(below)
}

// route returns what the request was routed by, as a router has it and as
// SetRoute named it, with its user and the class of its error.
func (v *visit) route(s uint32) (pattern, user, route, class string) {
	w := v.w
	var l level
	if n := w.notes.Load(); n != nil {
		n.mu.Lock()
		pattern, user, route, class, l = cmp.Or(n.pattern, n.likely), n.user, n.route, n.class, n.level
		n.mu.Unlock()
	}
	if pattern == "" {
		if pattern = l.join(v.h.matched(v.r, v.before, v.path)); pattern == "" {
			pattern = v.before // of a router further out
		}
	}
	if s&flagFramed != 0 || isMountedService(pattern) && v.reachedMethod(int(s&statusBits)) {
		if pattern == "" || pattern[len(pattern)-1] == '/' {
			if p := w.procedure(l.base + v.path); p != "" {
				pattern = p
			}
		}
	}
	return pattern, user, route, class
}

// isMountedService reports whether a pattern is what the handlers of Connect and
// Twirp are mounted at, "/package.Service/": the method follows in the path.
func isMountedService(pattern string) bool {
	if pattern == "" || pattern[len(pattern)-1] != '/' {
		return false
	}
	service := pattern[strings.LastIndexByte(pattern[:len(pattern)-1], '/')+1 : len(pattern)-1]
	return strings.Contains(service, ".") && isName(service, true)
}

// reachedMethod reports whether a response with that status comes from a method, rather
// than from a mux that does not know the method, or from a middleware that refused the
// request: otherwise, strangers could make up endpoints.
func (v *visit) reachedMethod(status int) bool {
	switch status {
	case http.StatusNotFound:
		return v.isConnect() && v.isJSON() // Twirp's mux answers in JSON, too
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return v.isJSON() // as the errors of Connect and Twirp are
	}
	return true
}

// isConnect reports whether the request is a call by Connect, which may also be
// a GET.
func (v *visit) isConnect() bool {
	return v.r.Header["Connect-Protocol-Version"] != nil ||
		v.r.URL != nil && strings.Contains(v.r.URL.RawQuery, "connect=v1")
}

func (v *visit) isJSON() bool {
	contentType := v.w.header()["Content-Type"]
	return len(contentType) != 0 && hasPrefixFold(contentType[0], "application/json")
}

// isCounted reports whether the request should be recorded. If not, it counts it.
func (v *visit) isCounted(s uint32, pattern string) bool {
	switch {
	case s&flagIgnored != 0:
		v.w.m.ignored.Add(1)
	case s&flagProbe != 0 || isProbe(v.r, pattern):
		v.w.m.probes.Add(1)
	default:
		return true
	}
	return false
}

// flowBack copies to r what the handlers further in have set in within, their copy
// of it: without the middleware they would have set it in r itself.
func flowBack(r, within *http.Request) {
	if within.Pattern != r.Pattern {
		r.Pattern = within.Pattern
		for name := range wildcards(within.Pattern) {
			if value := within.PathValue(name); value != "" {
				r.SetPathValue(name, value)
			}
		}
	}
	if r.Form == nil && within.Form != nil {
		r.Form = within.Form
	}
	if r.PostForm == nil && within.PostForm != nil {
		r.PostForm = within.PostForm
	}
	if r.MultipartForm == nil && within.MultipartForm != nil {
		r.MultipartForm = within.MultipartForm // the server removes its files
	}
	if r.URL != within.URL {
		r.URL = within.URL
	}
	if r.RemoteAddr != within.RemoteAddr {
		r.RemoteAddr = within.RemoteAddr
	}
	if r.Host != within.Host {
		r.Host = within.Host
	}
}

// wildcards returns the names of the parameters in a pattern of http.ServeMux.
func wildcards(pattern string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			_, rest, ok := strings.Cut(pattern, "{")
			name, after, closed := strings.Cut(rest, "}")
			if !ok || !closed {
				return
			}
			if name != "$" && !yield(strings.TrimSuffix(name, "...")) {
				return
			}
			pattern = after
		}
	}
}
