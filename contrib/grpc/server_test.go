package kymogrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/kymohq/kymo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// service does what the request's user name asks for.
type service struct {
	pb.UnimplementedTestServiceServer
	entered chan struct{} // receives a value when a call waits, if not nil
}

func (s *service) UnaryCall(ctx context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if err := s.do(ctx, string(r.GetPayload().GetBody())); err != nil {
		return nil, err
	}
	return &pb.SimpleResponse{Username: "hello"}, nil
}

func (s *service) StreamingOutputCall(r *pb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[pb.StreamingOutputCallResponse]) error {
	if err := stream.Send(&pb.StreamingOutputCallResponse{}); err != nil {
		return err
	}
	<-time.After(lifetime)
	if err := s.do(stream.Context(), string(r.GetPayload().GetBody())); err != nil {
		return err
	}
	return stream.Send(&pb.StreamingOutputCallResponse{})
}

func (s *service) StreamingInputCall(stream grpc.ClientStreamingServer[pb.StreamingInputCallRequest, pb.StreamingInputCallResponse]) error {
	for {
		r, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&pb.StreamingInputCallResponse{})
		}
		if err != nil {
			return err
		}
		if err := s.do(stream.Context(), string(r.GetPayload().GetBody())); err != nil {
			return err
		}
	}
}

func (s *service) FullDuplexCall(stream grpc.BidiStreamingServer[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]) error {
	for {
		r, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.do(stream.Context(), string(r.GetPayload().GetBody())); err != nil {
			return err
		}
		if err := stream.Send(&pb.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
}

// lifetime is the minimum duration of calls that stream.
const lifetime = 100 * time.Millisecond

func (s *service) do(ctx context.Context, what string) error {
	switch what {
	case "":
		return nil
	case "user":
		if !kymo.SetUserContext(ctx, "ada") {
			return errors.New("the call was not found by its context")
		}
		return nil
	case "missing":
		return status.Error(codes.NotFound, "no such order")
	case "wrapped":
		return fmt.Errorf("reading: %w", status.Error(codes.Unavailable, "the database is away"))
	case "plain":
		return errors.New("disk full")
	case "canceled":
		return fmt.Errorf("reading: %w", context.Canceled)
	case "late":
		return fmt.Errorf("reading: %w", context.DeadlineExceeded)
	case "panic":
		panic("on purpose")
	case "wait", "wait and ignore":
		if s.entered != nil {
			s.entered <- struct{}{}
		}
		<-ctx.Done()
		if what == "wait" {
			return ctx.Err()
		}
		return nil
	}
	return status.Errorf(codes.Internal, "there is no %q", what)
}

// recovering are interceptors that turn panics into errors, as many services have.
func recoverUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (reply any, err error) {
	defer recovered(&err)
	return h(ctx, req)
}

func recoverStream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) (err error) {
	defer recovered(&err)
	return h(srv, ss)
}

func recovered(err *error) {
	if v := recover(); v != nil {
		*err = status.Errorf(codes.Internal, "panic: %v", v)
	}
}

// arrangements are the ways to have a server's calls recorded. Those that recover
// from panics do so outside of the interceptors.
var arrangements = map[string]struct {
	options func(m *kymo.Monitor) []grpc.ServerOption
	over    bool // m.Middleware is around ServeHTTP
}{
	"interceptors": {interceptors, false},
	"stats handler": {func(m *kymo.Monitor) []grpc.ServerOption {
		return []grpc.ServerOption{grpc.StatsHandler(StatsHandler(m)), grpc.UnaryInterceptor(recoverUnary), grpc.StreamInterceptor(recoverStream)}
	}, false},
	"both": {func(m *kymo.Monitor) []grpc.ServerOption {
		return append(interceptors(m), grpc.StatsHandler(StatsHandler(m)))
	}, false},
	"interceptors below the middleware": {interceptors, true},
	"stats handler below the middleware": {func(m *kymo.Monitor) []grpc.ServerOption {
		return []grpc.ServerOption{grpc.StatsHandler(StatsHandler(m)), grpc.UnaryInterceptor(recoverUnary), grpc.StreamInterceptor(recoverStream)}
	}, true},
	"the middleware alone": {func(*kymo.Monitor) []grpc.ServerOption {
		return []grpc.ServerOption{grpc.UnaryInterceptor(recoverUnary), grpc.StreamInterceptor(recoverStream)}
	}, true},
}

// interceptors returns ours twice, as a package and its user might both have them.
func interceptors(m *kymo.Monitor) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(recoverUnary, UnaryServerInterceptor(m), UnaryServerInterceptor(m)),
		grpc.ChainStreamInterceptor(recoverStream, StreamServerInterceptor(m), StreamServerInterceptor(m)),
	}
}

// serve runs a server and returns a client of it, and a function that stops both
// and waits for the handlers.
func serve(t *testing.T, m *kymo.Monitor, over bool, s *service, options ...grpc.ServerOption) (conn *grpc.ClientConn, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(append(options, grpc.MaxRecvMsgSize(1000))...)
	pb.RegisterTestServiceServer(server, s)
	healthpb.RegisterHealthServer(server, health.NewServer())
	ended := make(chan error, 1)
	end := server.GracefulStop
	if over {
		web := &http.Server{Handler: m.Middleware(server), Protocols: new(http.Protocols)}
		web.Protocols.SetUnencryptedHTTP2(true)
		go func() { ended <- web.Serve(ln) }()
		end = func() { web.Shutdown(context.Background()) }
	} else {
		go func() { ended <- server.Serve(ln) }()
	}
	conn, err = grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	var stopped bool
	stop = func() {
		if !stopped {
			stopped = true
			conn.Close()
			end()
			<-ended
		}
	}
	t.Cleanup(stop)
	return conn, stop
}
