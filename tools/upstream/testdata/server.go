package http

import "sync"

// KymoWrap puts the middleware around a handler at the place that KymoPlace
// names. Tests set both before they start.
var (
	KymoWrap  func(Handler) Handler
	KymoPlace string
)

// kymoServer is what a Server remembers.
type kymoServer struct {
	once  sync.Once
	outer Handler
}

// ServeHTTP calls serve, which is what this method was before, through the
// middleware if it is the outer one. There is one for each Server, as in a
// program, whatever handlers it is given later.
func (sh serverHandler) ServeHTTP(rw ResponseWriter, req *Request) {
	if KymoPlace != "outer" {
		sh.serve(rw, req)
		return
	}
	sh.srv.kymo.once.Do(func() { sh.srv.kymo.outer = KymoWrap(kymoFunc(sh.serve)) })
	sh.srv.kymo.outer.ServeHTTP(rw, req)
}

// kymoStart is called by a Server before it accepts connections.
func (s *Server) kymoStart() {
	if KymoPlace == "root" {
		s.kymo.once.Do(func() { s.Handler = KymoWrap(s.Handler) })
	}
}

// kymoInner calls f for HandlerFunc.ServeHTTP.
func kymoInner(f HandlerFunc, w ResponseWriter, r *Request) {
	if KymoPlace != "inner" {
		f(w, r)
		return
	}
	KymoWrap(kymoFunc(f)).ServeHTTP(w, r)
}

// kymoFunc is a HandlerFunc that is not wrapped.
type kymoFunc func(ResponseWriter, *Request)

func (f kymoFunc) ServeHTTP(w ResponseWriter, r *Request) { f(w, r) }
