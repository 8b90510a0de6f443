package stacks

//lint:file-ignore SA1019 x/net's h2c is deprecated, and in use

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // for clients that ask for it
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kymohq/kymo"
)

// calls is the service, whose answers depend on what is asked.
type calls struct {
	grpc_testing.UnimplementedTestServiceServer
	e *env
}

func (c calls) user(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	if user := strings.Join(md.Get(userHeader), ""); c.e.m != nil && user != "" && !kymo.SetUserContext(ctx, user) {
		c.e.wrongf("SetUserContext found no request")
	}
}

func (c calls) UnaryCall(ctx context.Context, r *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	c.user(ctx)
	grpc.SetHeader(ctx, metadata.Pairs("x-head", "1"))
	grpc.SetTrailer(ctx, metadata.Pairs("x-tail", "2"))
	if s := r.GetResponseStatus(); s != nil {
		return nil, status.Error(codes.Code(s.Code), s.Message)
	}
	return &grpc_testing.SimpleResponse{Payload: r.Payload}, nil
}

func (c calls) StreamingOutputCall(r *grpc_testing.StreamingOutputCallRequest, s grpc.ServerStreamingServer[grpc_testing.StreamingOutputCallResponse]) error {
	c.user(s.Context())
	for _, p := range r.ResponseParameters {
		s.Send(&grpc_testing.StreamingOutputCallResponse{Payload: &grpc_testing.Payload{Body: make([]byte, p.Size)}})
	}
	if st := r.GetResponseStatus(); st != nil {
		return status.Error(codes.Code(st.Code), st.Message)
	}
	return nil
}

func (c calls) FullDuplexCall(s grpc.BidiStreamingServer[grpc_testing.StreamingOutputCallRequest, grpc_testing.StreamingOutputCallResponse]) error {
	c.user(s.Context())
	for {
		r, err := s.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			c.e.seef(&http.Request{Header: http.Header{caseHeader: {"duplex"}}}, "received %v", status.Code(err))
			return err
		}
		s.Send(&grpc_testing.StreamingOutputCallResponse{Payload: r.Payload})
	}
}

// call makes a call of gRPC and writes down what came.
func call(rpc func(ctx context.Context, c grpc_testing.TestServiceClient, b *strings.Builder, opts ...grpc.CallOption) error) func(*client, *request, *stack) answer {
	return func(c *client, rq *request, s *stack) (a answer) {
		conn, err := grpc.NewClient("passthrough:"+c.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return answer{text: err.Error()}
		}
		defer conn.Close()
		ctx, cancel := contextOf(patience)
		defer cancel()
		ctx = metadata.AppendToOutgoingContext(ctx, rq.named().header...)
		var b strings.Builder
		var head, tail metadata.MD
		err = rpc(ctx, grpc_testing.NewTestServiceClient(conn), &b, grpc.Header(&head), grpc.Trailer(&tail))
		a.status, a.times = 200, len(head.Get("x-response-time"))+len(tail.Get("x-response-time"))
		for _, md := range []metadata.MD{head, tail} {
			md.Delete("x-response-time")
			md.Delete("date")
			var names []string
			for name, values := range md {
				names = append(names, fmt.Sprint(name, values))
			}
			slices.Sort(names)
			fmt.Fprintf(&b, "\n%s", names)
		}
		a.text = fmt.Sprintf("%s\nerror: %v", b.String(), err)
		return a
	}
}

type testClient = grpc_testing.TestServiceClient

// unary asks for a status, 0 for an answer.
func unary(code codes.Code, opts ...grpc.CallOption) func(*client, *request, *stack) answer {
	return call(func(ctx context.Context, c testClient, b *strings.Builder, more ...grpc.CallOption) error {
		r := &grpc_testing.SimpleRequest{Payload: &grpc_testing.Payload{Body: []byte(strings.Repeat("payload ", 3000))}}
		if code != 0 {
			r.ResponseStatus = &grpc_testing.EchoStatus{Code: int32(code), Message: "as asked: é"}
		}
		resp, err := c.UnaryCall(ctx, r, append(more, opts...)...)
		fmt.Fprintf(b, "%s", resp.GetPayload().GetBody())
		return err
	})
}

func output(code codes.Code, n int) func(*client, *request, *stack) answer {
	return call(func(ctx context.Context, c testClient, b *strings.Builder, opts ...grpc.CallOption) error {
		r := new(grpc_testing.StreamingOutputCallRequest)
		for i := range n {
			r.ResponseParameters = append(r.ResponseParameters, &grpc_testing.ResponseParameters{Size: int32(1000 * i)})
		}
		if code != 0 {
			r.ResponseStatus = &grpc_testing.EchoStatus{Code: int32(code), Message: "in the end"}
		}
		s, err := c.StreamingOutputCall(ctx, r, opts...)
		for err == nil {
			var m *grpc_testing.StreamingOutputCallResponse
			if m, err = s.Recv(); err == nil {
				fmt.Fprintln(b, len(m.Payload.Body))
			}
		}
		return err
	})
}

func duplex(canceled bool) func(*client, *request, *stack) answer {
	return call(func(ctx context.Context, c testClient, b *strings.Builder, opts ...grpc.CallOption) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s, err := c.FullDuplexCall(ctx, opts...)
		for i := 0; i < 3 && err == nil; i++ {
			s.Send(&grpc_testing.StreamingOutputCallRequest{Payload: &grpc_testing.Payload{Body: []byte{byte('a' + i)}}})
			var m *grpc_testing.StreamingOutputCallResponse
			m, err = s.Recv()
			fmt.Fprintf(b, "%s ", m.GetPayload().GetBody())
		}
		if canceled {
			cancel()
		} else {
			s.CloseSend()
		}
		_, err = s.Recv()
		return err
	})
}

func unknown(method string) func(*client, *request, *stack) answer {
	return func(c *client, rq *request, s *stack) (a answer) {
		conn, err := grpc.NewClient("passthrough:"+c.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return answer{text: err.Error()}
		}
		defer conn.Close()
		ctx, cancel := contextOf(patience)
		defer cancel()
		var head, tail metadata.MD
		err = conn.Invoke(ctx, method, new(grpc_testing.Empty), new(grpc_testing.Empty), grpc.Header(&head), grpc.Trailer(&tail))
		return answer{status: 200, text: fmt.Sprint(err), times: len(head.Get("x-response-time")) + len(tail.Get("x-response-time"))}
	}
}

func grpcRequests() []*request {
	const service = "/grpc.testing.TestService/"
	at := func(name, method string, status int, stream bool, ask func(*client, *request, *stack) answer) *request {
		return &request{name: name, method: "POST", ask: ask, want: expected{endpoint: service + method, status: status, stream: stream}}
	}
	all := []*request{
		at("unary", "UnaryCall", 200, false, unary(0)),
		at("unary, zipped", "UnaryCall", 200, false, unary(0, grpc.UseCompressor("gzip"))),
		at("output", "StreamingOutputCall", 200, true, output(0, 4)),
		at("output, then an error", "StreamingOutputCall", 500, true, output(codes.Internal, 3)),
		at("output of none", "StreamingOutputCall", 404, false, output(codes.NotFound, 0)),
		at("duplex", "FullDuplexCall", 200, true, duplex(false)),
		at("duplex, canceled", "FullDuplexCall", 499, true, duplex(true)),
		{name: "unimplemented", method: "POST", ask: unknown(service + "EmptyCall"), want: expected{endpoint: service + "EmptyCall", status: 501, anonymous: true}},
		{name: "unknown", method: "POST", ask: unknown("/made.up/Method"), want: expected{status: 501, anonymous: true}},
	}
	for code, status := range map[codes.Code]int{codes.NotFound: 404, codes.Internal: 500, codes.InvalidArgument: 400, codes.Unauthenticated: 401, codes.Unavailable: 503, codes.Canceled: 499} {
		all = append(all, at(code.String(), "UnaryCall", status, false, unary(code)))
	}
	return all
}

func (e *env) newGRPC() http.Handler {
	g := grpc.NewServer()
	grpc_testing.RegisterTestServiceServer(g, calls{e: e})
	e.t.Cleanup(g.Stop)
	return g
}

func TestGRPC(t *testing.T) {
	mounted := func(h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/grpc.testing.TestService/", h)
		return mux
	}
	absent := map[string]expected{"unknown": {absent: true}}
	// Whether grpc-go still notes the status of a call that was canceled in the
	// header, as seen from further out, is a matter of timing.
	skip := []string{"duplex, canceled"}
	run(t,
		&stack{name: "around", only: "http2", requests: grpcRequests(), build: func(e *env) http.Handler { return e.kymo(e.newGRPC()) }},
		&stack{name: "below a middleware", only: "http2", skip: skip, requests: grpcRequests(), build: func(e *env) http.Handler {
			return e.outer(e.kymo(e.newGRPC()))
		}},
		&stack{name: "around a mux", only: "http2", expect: map[string]expected{"unknown": {status: 404, anonymous: true, untimed: true}}, requests: grpcRequests(), build: func(e *env) http.Handler {
			return e.kymo(mounted(e.newGRPC()))
		}},
		&stack{name: "in a mux", only: "http2", expect: absent, requests: grpcRequests(), build: func(e *env) http.Handler {
			return mounted(e.kymo(e.newGRPC()))
		}},
		&stack{name: "in x/net's h2c", only: "http2", requests: grpcRequests(), build: func(e *env) http.Handler {
			return h2c.NewHandler(e.kymo(e.newGRPC()), new(http2.Server))
		}},
	)
}
