package stacks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kymohq/kymo"
)

type text = wrapperspb.StringValue

const connectService = "/test.v1.Echo/"

// newConnect returns the handlers of a service: what a message says is what happens.
func (e *env) newConnect() http.Handler {
	user := func(ctx context.Context, h http.Header) {
		if u := h.Get(userHeader); e.m != nil && !kymo.SetUserContext(ctx, u) {
			e.wrongf("SetUserContext found no request")
		}
	}
	failure := func(s string) error {
		if code, ok := map[string]connect.Code{"absent": connect.CodeNotFound, "broken": connect.CodeInternal, "refused": connect.CodePermissionDenied}[s]; ok {
			return connect.NewError(code, errors.New(s))
		}
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle(connectService+"Say", connect.NewUnaryHandler(connectService+"Say", func(ctx context.Context, r *connect.Request[text]) (*connect.Response[text], error) {
		user(ctx, r.Header())
		if err := failure(r.Msg.Value); err != nil {
			return nil, err
		}
		resp := connect.NewResponse(&text{Value: strings.Repeat(r.Msg.Value, 500)})
		resp.Header().Set("X-Head", "1")
		resp.Trailer().Set("X-Tail", "2")
		return resp, nil
	}))
	mux.Handle(connectService+"Repeat", connect.NewServerStreamHandler(connectService+"Repeat", func(ctx context.Context, r *connect.Request[text], s *connect.ServerStream[text]) error {
		user(ctx, r.Header())
		for i := range 3 {
			if err := s.Send(&text{Value: fmt.Sprint(r.Msg.Value, i)}); err != nil {
				return err
			}
		}
		return failure(r.Msg.Value)
	}))
	return mux
}

// connectCall calls method, as a stream if it is Repeat.
func connectCall(method, message string, opts ...connect.ClientOption) func(*client, *request, *stack) answer {
	return func(c *client, rq *request, s *stack) (a answer) {
		cc := connect.NewClient[text, text](c.shared, "http://"+c.address+connectService+method, opts...)
		r := connect.NewRequest(&text{Value: message})
		for n := rq.named().header; len(n) > 1; n = n[2:] {
			r.Header().Set(n[0], n[1])
		}
		ctx, cancel := contextOf(patience)
		defer cancel()
		var b strings.Builder
		a.status = 200
		fields := func(hs ...http.Header) {
			for _, h := range hs {
				a.times += s.header(&b, h)
			}
		}
		if method == "Say" {
			resp, err := cc.CallUnary(ctx, r)
			if err == nil {
				fields(resp.Header(), resp.Trailer())
				b.WriteString(resp.Msg.Value)
			}
			if failed, ok := errors.AsType[*connect.Error](err); ok {
				fields(failed.Meta())
			}
			fmt.Fprintf(&b, "error: %v", err)
			a.text = b.String()
			return a
		}
		stream, err := cc.CallServerStream(ctx, r)
		if err == nil {
			for stream.Receive() {
				fmt.Fprintln(&b, stream.Msg().Value)
			}
			err = stream.Err()
			fields(stream.ResponseHeader(), stream.ResponseTrailer())
			stream.Close()
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		fmt.Fprintf(&b, "error: %v", err)
		a.text = b.String()
		return a
	}
}

func connectRequests() []*request {
	var all []*request
	for _, p := range []struct {
		name   string
		opts   []connect.ClientOption
		framed bool // errors come with status 200
		only   string
	}{
		{name: "connect"},
		{name: "connect, JSON", opts: []connect.ClientOption{connect.WithProtoJSON()}},
		{name: "gRPC", opts: []connect.ClientOption{connect.WithGRPC()}, only: "http2"},
		{name: "gRPC-Web", opts: []connect.ClientOption{connect.WithGRPCWeb()}},
	} {
		for message, status := range map[string]int{"hello": 200, "absent": 404, "broken": 500, "refused": 403} {
			for _, method := range []string{"Say", "Repeat"} {
				all = append(all, &request{name: fmt.Sprintf("%s %s %s", p.name, method, message), method: "POST", only: p.only,
					ask:  connectCall(method, message, p.opts...),
					want: expected{endpoint: connectService + method, status: status, stream: method == "Repeat"}})
			}
		}
	}
	return all
}

func TestConnect(t *testing.T) {
	run(t,
		&stack{name: "around", requests: connectRequests(), build: func(e *env) http.Handler { return e.kymo(e.newConnect()) }},
		&stack{name: "below a middleware", requests: connectRequests(), build: func(e *env) http.Handler {
			return e.outer(e.kymo(e.newConnect()))
		}},
		&stack{name: "twice", requests: connectRequests(), build: func(e *env) http.Handler {
			return e.kymo(e.outer(e.kymo(e.newConnect())))
		}},
	)
}
