// Package stacks tries Kymo's middleware in chains of other people's software:
// routers, compressors, proxies, calls, websockets. Each stack is built twice by
// the same function, with Kymo and without, and is asked the same; what clients,
// handlers and logs see has to be the same, and each request is recorded once.
package stacks

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"sync"
	"testing"

	"log"

	"github.com/kymohq/kymo"
)

// stack is a chain that Kymo stands in.
type stack struct {
	name  string
	build func(e *env) http.Handler

	// What is expected of it.
	unrouted bool   // nothing in it can tell the route
	endpoint string // of all that is routed, if not the app's
	gathers  bool   // a writer in it keeps informational responses until the body
	hides    hiding
	loose    bool                // the framing of bodies depends on timing
	random   []*regexp.Regexp    // what differs between answers
	expect   map[string]expected // by the request's name, where it is not as for others

	requests []*request // instead of the app's
	also     []*request // beside the app's
	skip     []string   // names of requests that make no sense, or whose answer depends on timing
	only     string     // protocol, "" for both
}

// expected is how a request is recorded.
type expected struct {
	endpoint  string // "" is the route's, or (unmatched) if the stack has none
	status    int    // 0 is what the client saw, or 500 if it saw none
	stream    bool
	anonymous bool // it names no user
	untimed   bool // no X-Response-Time: what the client sees does not come through Kymo's writer
	absent    bool // it is not recorded: it does not reach Kymo
	anyTime   bool // whether X-Response-Time is there depends on timing
}

// request is one that clients make.
type request struct {
	name, method, path string
	header             []string
	body               string
	want               expected
	ask                func(c *client, rq *request, s *stack) answer // nil for a plain one
	only               string                                        // protocol, "" for both
}

// env is what a stack is built of.
type env struct {
	t    *testing.T
	s    *stack
	m    *kymo.Monitor                        // nil without
	kymo func(next http.Handler) http.Handler // m.Middleware, or nothing
	seen *witness
	work *sync.WaitGroup // handlers: a server does not wait for those that took a connection over
}

// protocols are those that stacks are tried over.
var protocols = []string{"http1", "http2"}

// server is a stack that serves.
type server struct {
	env  *env
	srv  *http.Server
	log  lines
	done chan struct{}
	*client
}

// start serves s, with Kymo if m is not nil.
func start(t *testing.T, s *stack, m *kymo.Monitor, protocol string) *server {
	t.Helper()
	e := &env{t: t, s: s, m: m, work: new(sync.WaitGroup), kymo: func(next http.Handler) http.Handler { return next }}
	if m != nil {
		e.kymo = m.Middleware
	}
	e.seen = &witness{saw: make(map[string][]string)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &server{env: e, done: make(chan struct{})}
	v.client = newClient(l.Addr().String(), protocol == "http2")
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	v.srv = &http.Server{Handler: s.build(e), Protocols: &p, ErrorLog: log.New(&v.log, "", 0)}
	go func() {
		defer close(v.done)
		v.srv.Serve(l)
	}()
	return v
}

// stop waits for the handlers that are at work, but for hijackers.
func (v *server) stop(t *testing.T) {
	v.client.close()
	ctx, cancel := contextOf(patience)
	defer cancel()
	if err := v.srv.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
		v.srv.Close()
	}
	<-v.done
	v.env.work.Wait()
}

// run tries every stack over every protocol.
func run(t *testing.T, all ...*stack) {
	for _, s := range all {
		for _, p := range protocols {
			if s.only == "" || s.only == p {
				t.Run(fmt.Sprintf("%s/%s", s.name, p), func(t *testing.T) { s.try(t, p) })
			}
		}
	}
}
