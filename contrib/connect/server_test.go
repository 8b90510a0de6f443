package kymoconnect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/kymohq/kymo"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type text = wrapperspb.StringValue

const service = "/acme.v1.Orders/"

// lifetime is the minimum duration of calls that stream.
const lifetime = 30 * time.Millisecond

// orders is a service that does what its requests ask for.
type orders struct {
	entered chan struct{} // receives a value when a call waits
}

func (o *orders) do(ctx context.Context, what string) error {
	switch what {
	case "":
		return nil
	case "user":
		if !kymo.SetUserContext(ctx, "ada") {
			return errors.New("the call was not found by its context")
		}
		return nil
	case "missing":
		return connect.NewError(connect.CodeNotFound, errors.New("no such order"))
	case "wrapped":
		return fmt.Errorf("reading: %w", connect.NewError(connect.CodeUnavailable, errors.New("the database is away")))
	case "plain":
		return errors.New("disk full")
	case "canceled":
		return fmt.Errorf("reading: %w", context.Canceled)
	case "late":
		return fmt.Errorf("reading: %w", context.DeadlineExceeded)
	case "late disk":
		return fmt.Errorf("reading: %w", os.ErrDeadlineExceeded)
	case "panic":
		panic("on purpose")
	case "wait", "wait and ignore":
		o.entered <- struct{}{}
		<-ctx.Done()
		if what == "wait" {
			return ctx.Err()
		}
		return nil
	}
	return fmt.Errorf("there is no %q", what)
}

func (o *orders) unary(ctx context.Context, r *connect.Request[text]) (*connect.Response[text], error) {
	if err := o.do(ctx, r.Msg.GetValue()); err != nil {
		return nil, err
	}
	if r.Header().Get("If-None-Match") == `"1"` {
		return nil, connect.NewNotModifiedError(http.Header{"Etag": {`"1"`}})
	}
	return connect.NewResponse(wrapperspb.String("hello")), nil
}

func (o *orders) server(ctx context.Context, r *connect.Request[text], s *connect.ServerStream[text]) error {
	if err := s.Send(wrapperspb.String("first")); err != nil {
		return err
	}
	<-time.After(lifetime)
	if err := o.do(ctx, r.Msg.GetValue()); err != nil {
		return err
	}
	return s.Send(wrapperspb.String("second"))
}

func (o *orders) client(ctx context.Context, s *connect.ClientStream[text]) (*connect.Response[text], error) {
	for s.Receive() {
		if err := o.do(ctx, s.Msg().GetValue()); err != nil {
			return nil, err
		}
	}
	return connect.NewResponse(wrapperspb.String("hello")), s.Err()
}

func (o *orders) bidi(ctx context.Context, s *connect.BidiStream[text, text]) error {
	for {
		r, err := s.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := o.do(ctx, r.GetValue()); err != nil {
			return err
		}
		if err := s.Send(wrapperspb.String("hello")); err != nil {
			return err
		}
	}
}

// handler returns the service's path and handler, as generated code does.
func (o *orders) handler(options ...connect.HandlerOption) (string, http.Handler) {
	idempotent := append(slices.Clip(options), connect.WithIdempotency(connect.IdempotencyNoSideEffects))
	methods := map[string]http.Handler{
		service + "Unary":  connect.NewUnaryHandler(service+"Unary", o.unary, idempotent...),
		service + "Server": connect.NewServerStreamHandler(service+"Server", o.server, options...),
		service + "Client": connect.NewClientStreamHandler(service+"Client", o.client, options...),
		service + "Bidi":   connect.NewBidiStreamHandler(service+"Bidi", o.bidi, options...),
	}
	return service, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := methods[r.URL.Path]; h != nil {
			h.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
}

// arrangements are the ways to have calls recorded.
var arrangements = map[string]struct{ interceptor, middleware bool }{
	"interceptor":                      {true, false},
	"middleware":                       {false, true},
	"interceptor below the middleware": {true, true},
}

// serve runs the service as arranged. stop waits for the handlers.
func serve(t *testing.T, m *kymo.Monitor, arrangement string, o *orders, others ...connect.Interceptor) (url string, client *http.Client, stop func()) {
	t.Helper()
	a := arrangements[arrangement]
	if a.interceptor { // twice, as a package and its user might have it
		others = append(others, Interceptor(m), Interceptor(m))
	}
	mux := http.NewServeMux()
	mux.Handle(o.handler(connect.WithInterceptors(others...)))
	var h http.Handler = mux
	if a.middleware {
		h = m.Middleware(mux)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{Handler: h, Protocols: protocols, ErrorLog: log.New(io.Discard, "", 0)}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	transport := &http.Transport{Protocols: protocols}
	// A connection that the server accepts just before Shutdown does not hear of it
	// and lasts until its client closes it. The client may have one to spare.
	stop = func() {
		stopped := make(chan error, 1)
		go func() { stopped <- s.Shutdown(context.Background()) }()
		for {
			transport.CloseIdleConnections()
			select {
			case <-stopped:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	t.Cleanup(func() {
		s.Close()
		<-ended
	})
	return "http://" + ln.Addr().String(), &http.Client{Transport: transport}, stop
}
