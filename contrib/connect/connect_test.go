package kymoconnect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/kymotest"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var protocols = map[string][]connect.ClientOption{
	"Connect":  nil,
	"gRPC":     {connect.WithGRPC()},
	"gRPC-Web": {connect.WithGRPCWeb()},
}

type client = connect.Client[text, text]

// The ways to call the service. Each returns the header and the error that the
// client saw.
func unary(ctx context.Context, c *client, what string) (http.Header, error) {
	res, err := c.CallUnary(ctx, connect.NewRequest(wrapperspb.String(what)))
	if err != nil {
		if e, ok := errors.AsType[*connect.Error](err); ok {
			return e.Meta(), err
		}
		return nil, err
	}
	return res.Header(), nil
}

func server(ctx context.Context, c *client, what string) (http.Header, error) {
	s, err := c.CallServerStream(ctx, connect.NewRequest(wrapperspb.String(what)))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for s.Receive() {
	}
	return s.ResponseHeader(), s.Err()
}

func clientStream(ctx context.Context, c *client, what string) (http.Header, error) {
	s := c.CallClientStream(ctx)
	_ = s.Send(wrapperspb.String(what))
	res, err := s.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	return res.Header(), nil
}

func bidi(ctx context.Context, c *client, what string) (http.Header, error) {
	s := c.CallBidiStream(ctx)
	defer s.CloseResponse()
	_ = s.Send(wrapperspb.String(""))
	if _, err := s.Receive(); err != nil {
		return nil, err
	}
	<-time.After(lifetime)
	_ = s.Send(wrapperspb.String(what))
	_ = s.CloseRequest()
	for {
		if _, err := s.Receive(); errors.Is(err, io.EOF) {
			return s.ResponseHeader(), nil
		} else if err != nil {
			return s.ResponseHeader(), err
		}
	}
}

var ways = map[string]struct {
	call func(ctx context.Context, c *client, what string) (http.Header, error)
	long bool // its first message comes long before its end
}{
	"Unary": {unary, false}, "Server": {server, true}, "Client": {clientStream, false}, "Bidi": {bidi, true},
}

var endings = []struct {
	what   string
	code   connect.Code
	status int
	user   string
}{
	{"", 0, 200, ""},
	{"user", 0, 200, "ada"},
	{"missing", connect.CodeNotFound, 404, ""},
	{"wrapped", connect.CodeUnavailable, 503, ""},
	{"plain", connect.CodeUnknown, 500, ""},
	{"canceled", connect.CodeCanceled, 499, ""},
	{"late", connect.CodeDeadlineExceeded, 504, ""},
	{"late disk", connect.CodeDeadlineExceeded, 504, ""},
	{"panic", 0, 500, ""},
}

// each calls f for each arrangement, protocol and way, in parallel.
func each(t *testing.T, f func(t *testing.T, arrangement, protocol, way string)) {
	for a := range arrangements {
		for p := range protocols {
			for w := range ways {
				t.Run(a+"/"+p+"/"+w, func(t *testing.T) {
					t.Parallel()
					f(t, a, p, w)
				})
			}
		}
	}
}

func TestCalls(t *testing.T) {
	each(t, func(t *testing.T, arrangement, protocol, way string) {
		for _, e := range endings {
			m, sink := kymotest.New(t)
			url, h, stop := serve(t, m, arrangement, new(orders))
			c := connect.NewClient[text, text](h, url+service+way, protocols[protocol]...)
			header, err := ways[way].call(t.Context(), c, e.what)
			stop()
			switch {
			case e.what == "panic":
				if err == nil {
					t.Error("the client saw nothing of a panic")
				}
			case e.code == 0 && err != nil || e.code != 0 && connect.CodeOf(err) != e.code:
				t.Errorf("%s: the client got %v, want %v", e.what, err, e.code)
			case e.code == 0 && len(header.Values(kymo.ResponseTimeHeader)) != 1:
				t.Errorf("%s: the header is %v", e.what, header)
			}
			r := recorded(t, sink, 1)[0]
			if r.Endpoint != service+way || r.Method != "POST" || r.Status != e.status || r.User != e.user {
				t.Errorf("%s: recorded %+v, want %+v", e.what, r, e)
			}
			if ways[way].long && (r.Lifetime < lifetime || r.Duration > r.Lifetime-lifetime/2) &&
				!isLone(arrangement, protocol, e.what) {
				t.Errorf("%s: recorded %v with a lifetime of %v, which was at least %v", e.what, r.Duration, r.Lifetime, lifetime)
			}
			if way == "Unary" && r.Lifetime != 0 {
				t.Errorf("%s: recorded as a stream: %+v", e.what, r)
			}
		}
	})
}

// isLone reports whether a call streams a single message: with gRPC, the middleware alone
// cannot distinguish it from a unary one.
func isLone(arrangement, protocol, what string) bool {
	return arrangement == "middleware" && protocol != "Connect" && what != "" && what != "user"
}

func TestErrorsHaveTheHeader(t *testing.T) {
	for _, arrangement := range []string{"interceptor", "interceptor below the middleware"} {
		m, _ := kymotest.New(t)
		url, h, _ := serve(t, m, arrangement, new(orders))
		header, err := unary(t.Context(), connect.NewClient[text, text](h, url+service+"Unary"), "missing")
		if err == nil || len(header.Values(kymo.ResponseTimeHeader)) != 1 {
			t.Errorf("%s: the header is %v", arrangement, header)
		}
	}
}

func TestClientsThatLeave(t *testing.T) {
	each(t, func(t *testing.T, arrangement, protocol, way string) {
		for _, what := range []string{"wait", "wait and ignore"} {
			m, sink := kymotest.New(t)
			o := &orders{entered: make(chan struct{})}
			url, h, stop := serve(t, m, arrangement, o)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-o.entered
				cancel()
			}()
			c := connect.NewClient[text, text](h, url+service+way, protocols[protocol]...)
			if _, err := ways[way].call(ctx, c, what); connect.CodeOf(err) != connect.CodeCanceled {
				t.Errorf("%s: the client got %v", what, err)
			}
			stop()
			if r := recorded(t, sink, 1)[0]; r.Status != 499 || r.Endpoint != service+way {
				t.Errorf("%s: recorded %+v", what, r)
			}
		}
	})
}

func TestGet(t *testing.T) {
	for arrangement := range arrangements {
		m, sink := kymotest.New(t)
		url, h, stop := serve(t, m, arrangement, new(orders))
		c := connect.NewClient[text, text](h, url+service+"Unary", connect.WithHTTPGet(),
			connect.WithIdempotency(connect.IdempotencyNoSideEffects))
		for _, tag := range []string{"", `"1"`} {
			req := connect.NewRequest(wrapperspb.String(""))
			if tag != "" {
				req.Header().Set("If-None-Match", tag)
			}
			if _, err := c.CallUnary(t.Context(), req); (tag != "") != connect.IsNotModifiedError(err) {
				t.Fatal(err)
			}
		}
		stop()
		got := map[int]bool{}
		for _, r := range recorded(t, sink, 2) {
			if r.Method != "GET" || r.Endpoint != service+"Unary" {
				t.Errorf("%s: recorded %+v", arrangement, r)
			}
			got[r.Status] = true
		}
		if !got[200] || !got[304] {
			t.Errorf("%s: recorded %v, want 200 and 304", arrangement, got)
		}
	}
}

func TestCallsThatAreLeftOut(t *testing.T) {
	for arrangement := range arrangements {
		m, sink := kymotest.New(t, kymo.WithFilter(func(r *http.Request) bool {
			if !strings.HasPrefix(r.Host, "127.0.0.1:") || !strings.HasPrefix(r.RemoteAddr, "127.0.0.1:") || r.Method != "POST" {
				t.Errorf("%s: a filter saw %+v", arrangement, r)
			}
			return r.Header.Get("X-Team") != "ops" && r.URL.Path != service+"Server"
		}))
		url, h, stop := serve(t, m, arrangement, new(orders))
		req := connect.NewRequest(wrapperspb.String(""))
		req.Header().Set("X-Team", "ops")
		c := connect.NewClient[text, text](h, url+service+"Unary")
		res, err := c.CallUnary(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if v := res.Header().Get(kymo.ResponseTimeHeader); v != "" {
			t.Errorf("%s: the response was touched", arrangement)
		}
		if _, err := server(t.Context(), connect.NewClient[text, text](h, url+service+"Server"), ""); err != nil {
			t.Fatal(err)
		}
		if _, err := unary(t.Context(), c, ""); err != nil {
			t.Fatal(err)
		}
		stop()
		if r := recorded(t, sink, 1)[0]; r.Endpoint != service+"Unary" {
			t.Errorf("%s: recorded %+v", arrangement, r)
		}
		if m.Stats().Ignored == 0 {
			t.Errorf("%s: nothing was counted as ignored", arrangement)
		}
	}
}

// Of a client, the interceptor records nothing.
func TestClientsAreNotRecorded(t *testing.T) {
	served, _ := kymotest.New(t)
	url, h, _ := serve(t, served, "middleware", new(orders))
	m, sink := kymotest.New(t)
	for way, w := range ways {
		c := connect.NewClient[text, text](h, url+service+way, connect.WithInterceptors(Interceptor(m)))
		if _, err := w.call(t.Context(), c, ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := sink.Requests(); len(got) != 0 {
		t.Errorf("recorded %+v", got)
	}
}

// The middleware sees the end of a call as interceptors further out have changed it.
func TestInterceptorsFurtherOut(t *testing.T) {
	hidden := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			kymo.SetUserContext(ctx, "grace")
			_, _ = next(ctx, req)
			return nil, connect.NewError(connect.CodePermissionDenied, errors.New("hidden"))
		}
	})
	for p, options := range protocols {
		m, sink := kymotest.New(t)
		url, h, stop := serve(t, m, "interceptor below the middleware", new(orders), hidden)
		c := connect.NewClient[text, text](h, url+service+"Unary", options...)
		_, _ = unary(t.Context(), c, "missing")
		stop()
		if r := recorded(t, sink, 1)[0]; r.Status != 403 || r.User != "grace" {
			t.Errorf("%s: recorded %+v", p, r)
		}
	}
}

// The interceptor does not see requests without a handler.
func TestMethodsThatAreNotThere(t *testing.T) {
	for p, options := range protocols {
		for path, want := range map[string]string{"/made.up.Service/Method": "(unmatched)", service + "MadeUp": service} {
			m, sink := kymotest.New(t)
			url, h, stop := serve(t, m, "interceptor below the middleware", new(orders))
			if _, err := unary(t.Context(), connect.NewClient[text, text](h, url+path, options...), ""); err == nil {
				t.Errorf("%s was answered", path)
			}
			stop()
			if r := recorded(t, sink, 1)[0]; r.Status != 404 || r.Endpoint != want {
				t.Errorf("%s: recorded %+v, want %s", p, r, want)
			}
		}
	}
}
