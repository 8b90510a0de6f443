// Package modelservertest is a small model server, for tests and demonstrations. It
// speaks the Open Inference Protocol, version 2, over HTTP, with the repository
// extension, and answers as MLServer does.
//
// A Server is an http.Handler. Its models compute nothing: they check their input
// and return an output of the right shape. Its methods simulate what happens to
// model servers: models that are loading, missing or slow, or whose output
// changes.
package modelservertest

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// A state is that of a model, in the words of the repository extension.
type state string

const (
	ready       state = "READY"
	loading     state = "LOADING"
	unavailable state = "UNAVAILABLE"
)

type model struct {
	state state
	shape []int // of the output; -1 is as many as the input has rows
}

// Server is a model server. Its methods may be called while it serves.
type Server struct {
	mux http.ServeMux

	mu       sync.Mutex
	models   map[string]*model
	notReady bool
	delay    time.Duration
	failure  string
	inferred int
}

// New is a server with these models, all of them ready. Their output has the
// shape [rows of the input, 3].
func New(models ...string) *Server {
	s := &Server{models: make(map[string]*model)}
	for _, name := range models {
		s.models[name] = &model{ready, []int{-1, 3}}
	}
	s.routes()
	return s
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// SetReady sets whether the server is ready, regardless of its models. It is always
// live.
func (s *Server) SetReady(is bool) { s.with(func() { s.notReady = !is }) }

// SetLoading makes a model known but not ready yet.
func (s *Server) SetLoading(name string) { s.setState(name, loading) }

// Load makes a model ready.
func (s *Server) Load(name string) { s.setState(name, ready) }

// Unload makes a model unavailable; only the repository still lists it.
func (s *Server) Unload(name string) { s.setState(name, unavailable) }

// SetShape sets the shape of a model's output; -1 is as many as the input has rows.
func (s *Server) SetShape(name string, shape ...int) {
	s.with(func() { s.models[name].shape = slices.Clone(shape) })
}

// SetDelay makes each inference take that long, or until its client leaves.
func (s *Server) SetDelay(d time.Duration) { s.with(func() { s.delay = d }) }

// SetFailure makes each inference fail with this message, until it is "".
func (s *Server) SetFailure(message string) { s.with(func() { s.failure = message }) }

// Inferences returns the number of inferences that were requested.
func (s *Server) Inferences() (n int) {
	s.with(func() { n = s.inferred })
	return n
}

func (s *Server) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *Server) setState(name string, to state) { s.with(func() { s.models[name].state = to }) }

// look returns a copy of a model; one that is unavailable is not there.
func (s *Server) look(name string) (m model, ok bool) {
	s.with(func() {
		if known := s.models[name]; known != nil && known.state != unavailable {
			m, ok = *known, true
		}
	})
	return m, ok
}
