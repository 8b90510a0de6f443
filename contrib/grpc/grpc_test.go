package kymogrpc

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/kymotest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const prefix = "/grpc.testing.TestService/"

func payload(what string) *pb.Payload { return &pb.Payload{Body: []byte(what)} }

// The ways to call the service. Each returns the error that the client saw.
func unary(ctx context.Context, c pb.TestServiceClient, what string) error {
	_, err := c.UnaryCall(ctx, &pb.SimpleRequest{Payload: payload(what)})
	return err
}

func serverStreaming(ctx context.Context, c pb.TestServiceClient, what string) error {
	s, err := c.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{Payload: payload(what)})
	for err == nil {
		_, err = s.Recv()
	}
	return unlessEOF(err)
}

func clientStreaming(ctx context.Context, c pb.TestServiceClient, what string) error {
	s, err := c.StreamingInputCall(ctx)
	if err == nil {
		_ = s.Send(&pb.StreamingInputCallRequest{Payload: payload(what)})
		_, err = s.CloseAndRecv()
	}
	return err
}

func bidi(ctx context.Context, c pb.TestServiceClient, what string) error {
	s, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	_ = s.Send(&pb.StreamingOutputCallRequest{})
	if _, err = s.Recv(); err != nil {
		return err
	}
	<-time.After(lifetime)
	_ = s.Send(&pb.StreamingOutputCallRequest{Payload: payload(what)})
	_ = s.CloseSend()
	for err == nil {
		_, err = s.Recv()
	}
	return unlessEOF(err)
}

func unlessEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

var ways = map[string]struct {
	call   func(ctx context.Context, c pb.TestServiceClient, what string) error
	method string
	stream bool
}{
	"unary":            {unary, "UnaryCall", false},
	"server streaming": {serverStreaming, "StreamingOutputCall", true},
	"client streaming": {clientStreaming, "StreamingInputCall", false},
	"bidi":             {bidi, "FullDuplexCall", true},
}

var endings = []struct {
	what   string
	code   codes.Code
	status int
	user   string
}{
	{"", codes.OK, 200, ""},
	{"user", codes.OK, 200, "ada"},
	{"missing", codes.NotFound, 404, ""},
	{"wrapped", codes.Unavailable, 503, ""},
	{"plain", codes.Unknown, 500, ""},
	{"canceled", codes.Canceled, 499, ""},
	{"late", codes.DeadlineExceeded, 504, ""},
	{"panic", codes.Internal, 500, ""},
}

func TestCalls(t *testing.T) {
	for name, a := range arrangements {
		for way, w := range ways {
			for _, e := range endings {
				t.Run(name+"/"+way+"/"+e.what, func(t *testing.T) {
					t.Parallel()
					m, sink := kymotest.New(t)
					conn, stop := serve(t, m, a.over, new(service), a.options(m)...)
					if err := w.call(t.Context(), pb.NewTestServiceClient(conn), e.what); status.Code(err) != e.code {
						t.Fatalf("the client got %v, want %v", err, e.code)
					}
					stop()
					r := recorded(t, sink, 1)[0]
					if r.Endpoint != prefix+w.method || r.Method != "POST" || r.Status != e.status || r.User != e.user {
						t.Errorf("recorded %+v, want %s %d %q", r, w.method, e.status, e.user)
					}
					if w.stream && (r.Lifetime < lifetime || r.Duration > r.Lifetime-lifetime/2) && !loneMessage(name, way, e.what) {
						t.Errorf("recorded %v with a lifetime of %v, which was at least %v", r.Duration, r.Lifetime, lifetime)
					}
					if way == "unary" && r.Lifetime != 0 {
						t.Errorf("a unary call was recorded as a stream: %+v", r)
					}
				})
			}
		}
	}
}

// loneMessage reports whether a call streams a single message, which the middleware alone
// cannot distinguish from a unary one.
func loneMessage(arrangement, way, what string) bool {
	return arrangement == "the middleware alone" && what != "" && what != "user"
}

func TestClientsThatLeave(t *testing.T) {
	for name, a := range arrangements {
		for _, way := range []string{"unary", "server streaming", "bidi"} {
			for _, what := range []string{"wait", "wait and ignore"} {
				t.Run(name+"/"+way+"/"+what, func(t *testing.T) {
					t.Parallel()
					m, sink := kymotest.New(t)
					s := &service{entered: make(chan struct{})}
					conn, stop := serve(t, m, a.over, s, a.options(m)...)
					ctx, cancel := context.WithCancel(t.Context())
					go func() {
						<-s.entered
						cancel()
					}()
					if err := ways[way].call(ctx, pb.NewTestServiceClient(conn), what); status.Code(err) != codes.Canceled {
						t.Fatalf("the client got %v", err)
					}
					stop()
					r, endpoint := recorded(t, sink, 1)[0], prefix+ways[way].method
					if name == "the middleware alone" && way == "unary" && r.Endpoint == "(unmatched)" {
						endpoint = r.Endpoint // if the client left before the header, nothing says that the method is known
					}
					if r.Status != 499 || r.Endpoint != endpoint {
						t.Errorf("recorded %+v, want %s", r, endpoint)
					}
				})
			}
		}
	}
}

// invoke calls any method.
func invoke(ctx context.Context, conn *grpc.ClientConn, method string) codes.Code {
	return status.Code(conn.Invoke(ctx, method, new(pb.Empty), new(pb.Empty)))
}

func TestMethodsThatAreNotThere(t *testing.T) {
	for name, a := range arrangements {
		if name == "interceptors" {
			continue // they do not see these calls
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"/made.up.Service/Method", prefix + "MadeUp"} {
				m, sink := kymotest.New(t)
				conn, stop := serve(t, m, a.over, new(service), a.options(m)...)
				if code := invoke(t.Context(), conn, method); code != codes.Unimplemented {
					t.Fatalf("the client got %v", code)
				}
				stop()
				if r := recorded(t, sink, 1)[0]; r.Endpoint != "(unmatched)" || r.Status != 501 {
					t.Errorf("recorded %+v", r)
				}
			}
			// A method that is registered, and says itself that it is not there.
			m, sink := kymotest.New(t)
			conn, stop := serve(t, m, a.over, new(service), a.options(m)...)
			if code := invoke(t.Context(), conn, prefix+"EmptyCall"); code != codes.Unimplemented {
				t.Fatalf("the client got %v", code)
			}
			stop()
			if r := recorded(t, sink, 1)[0]; r.Endpoint != prefix+"EmptyCall" || r.Status != 501 {
				t.Errorf("recorded %+v", r)
			}
		})
	}
}

// A handler of unknown methods is called for any name that a client makes up.
func TestUnknownServiceHandler(t *testing.T) {
	proxy := grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
		if err := ss.RecvMsg(new(pb.Empty)); err != nil {
			return err
		}
		method, _ := grpc.MethodFromServerStream(ss)
		if strings.HasPrefix(method, "/named") {
			kymo.SetRouteContext(ss.Context(), "/named")
		}
		return ss.SendMsg(new(pb.Empty))
	})
	for _, name := range []string{"interceptors", "both"} {
		for method, want := range map[string]string{"/made.up/X": "(unmatched)", "/named/X": "/named"} {
			m, sink := kymotest.New(t)
			conn, stop := serve(t, m, false, new(service), append(arrangements[name].options(m), proxy)...)
			if code := invoke(t.Context(), conn, method); code != codes.OK {
				t.Fatalf("the client got %v", code)
			}
			stop()
			if r := recorded(t, sink, 1)[0]; r.Endpoint != want || r.Status != 200 {
				t.Errorf("%s: recorded %+v, want %s", name, r, want)
			}
		}
	}
}

// A message that is too large is refused before the interceptors are called.
func TestRefusedMessages(t *testing.T) {
	for _, name := range []string{"stats handler", "both", "the middleware alone"} {
		m, sink := kymotest.New(t)
		a := arrangements[name]
		conn, stop := serve(t, m, a.over, new(service), a.options(m)...)
		err := unary(t.Context(), pb.NewTestServiceClient(conn), strings.Repeat("long", 1000))
		if status.Code(err) != codes.ResourceExhausted {
			t.Fatalf("the client got %v", err)
		}
		stop()
		if r := recorded(t, sink, 1)[0]; r.Status != 429 || r.Endpoint != prefix+"UnaryCall" {
			t.Errorf("%s: recorded %+v", name, r)
		}
	}
}

func TestCallsThatAreLeftOut(t *testing.T) {
	for name, a := range arrangements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var hosts []string
			m, sink := kymotest.New(t, kymo.WithFilter(func(r *http.Request) bool {
				hosts = append(hosts, r.Host+" "+r.RemoteAddr)
				return r.Header.Get("X-Team") != "ops" || r.URL.Path != prefix+"UnaryCall"
			}))
			conn, stop := serve(t, m, a.over, new(service), a.options(m)...)
			probe, err := grpc.NewClient(conn.Target(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent("kube-probe/1.34"))
			if err != nil {
				t.Fatal(err)
			}
			defer probe.Close()
			if _, err := healthpb.NewHealthClient(probe).Check(t.Context(), new(healthpb.HealthCheckRequest)); err != nil {
				t.Fatal(err)
			}
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-team", "ops")
			if err := unary(ctx, pb.NewTestServiceClient(conn), ""); err != nil {
				t.Fatal(err)
			}
			if err := bidi(ctx, pb.NewTestServiceClient(conn), ""); err != nil {
				t.Fatal(err)
			}
			stop()
			if r := recorded(t, sink, 1)[0]; r.Endpoint != prefix+"FullDuplexCall" {
				t.Errorf("recorded %+v", r)
			}
			if s := m.Stats(); s.Probes != 1 || s.Ignored == 0 {
				t.Errorf("%d probes and %d ignored", s.Probes, s.Ignored)
			}
			for _, h := range hosts {
				if !strings.HasPrefix(h, "127.0.0.1:") || !strings.Contains(h, " 127.0.0.1:") {
					t.Errorf("a filter saw the host and address %q", h)
				}
			}
		})
	}
}

func TestResponseTimeIsInTheHeader(t *testing.T) {
	for _, name := range []string{"interceptors", "interceptors below the middleware"} {
		m, _ := kymotest.New(t)
		a := arrangements[name]
		conn, _ := serve(t, m, a.over, new(service), a.options(m)...)
		c := pb.NewTestServiceClient(conn)
		var md metadata.MD
		if _, err := c.UnaryCall(t.Context(), new(pb.SimpleRequest), grpc.Header(&md)); err != nil {
			t.Fatal(err)
		}
		stream, err := c.StreamingOutputCall(t.Context(), new(pb.StreamingOutputCallRequest))
		if err != nil {
			t.Fatal(err)
		}
		streamed, err := stream.Header()
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []metadata.MD{md, streamed} {
			if v := got.Get("x-response-time"); len(v) != 1 || !strings.HasSuffix(v[0], "ms") {
				t.Errorf("%s: the header is %v", name, got)
			}
		}
	}
}

func TestSizeIsOfTheMessages(t *testing.T) {
	m, sink := kymotest.New(t)
	conn, stop := serve(t, m, false, new(service), grpc.StatsHandler(StatsHandler(m)))
	if err := unary(t.Context(), pb.NewTestServiceClient(conn), ""); err != nil {
		t.Fatal(err)
	}
	stop()
	// A frame's head, and field 2 with five bytes.
	if r := recorded(t, sink, 1)[0]; r.Size != 5+2+5 {
		t.Errorf("recorded %+v", r)
	}
}

// An interceptor further out may change how a call ends, and set its user.
func TestInterceptorsFurtherOut(t *testing.T) {
	outer := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
		kymo.SetUserContext(ctx, "grace")
		if _, err := h(ctx, req); err != nil {
			return nil, status.Error(codes.PermissionDenied, "hidden")
		}
		return nil, status.Error(codes.Aborted, "changed")
	}
	for what, want := range map[string]int{"missing": 403, "": 409} {
		m, sink := kymotest.New(t)
		conn, stop := serve(t, m, false, new(service), grpc.StatsHandler(StatsHandler(m)),
			grpc.ChainUnaryInterceptor(outer, UnaryServerInterceptor(m)))
		_ = unary(t.Context(), pb.NewTestServiceClient(conn), what)
		stop()
		if r := recorded(t, sink, 1)[0]; r.Status != want || r.User != "grace" {
			t.Errorf("recorded %+v, want %d", r, want)
		}
	}
}
