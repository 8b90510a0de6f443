package probe

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/serverstest"
)

// grpcServer returns the address of a gRPC server, which has no health service if health
// is nil.
func grpcServer(t *testing.T, l net.Listener, health grpc_health_v1.HealthServer, options ...grpc.ServerOption) (addr string, stop func()) {
	t.Helper()
	s := grpc.NewServer(options...)
	if health != nil {
		grpc_health_v1.RegisterHealthServer(s, health)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	stop = func() { s.Stop(); <-done }
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func TestGRPC(t *testing.T) {
	server := grpchealth.NewServer()
	addr, stop := grpcServer(t, listen(t), server)
	p := openProbe(t, Spec{Type: "grpc", URL: "grpc://" + addr})
	if details := wantHealthy(t, p); details["serving"] != "SERVING" {
		t.Errorf("details are %v", details)
	}
	server.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	wantProblem(t, p, enough, health.Down, "the service is NOT_SERVING")
	server.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	wantHealthy(t, p)

	orders := openProbe(t, Spec{Type: "grpc", URL: "grpc://" + addr, Service: "shop.Orders"})
	wantProblem(t, orders, enough, health.Down, `the server knows no service "shop.Orders"`)
	server.SetServingStatus("shop.Orders", grpc_health_v1.HealthCheckResponse_SERVING)
	wantHealthy(t, orders)

	// The next run sees a server that is gone, and one that is back.
	stop()
	for range 3 {
		wantProblem(t, p, enough, health.Down, "connection refused")
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_, stop = grpcServer(t, l, server)
	wantHealthy(t, p)
	stop()
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	grpcServer(t, l, server) // all between two runs
	wantHealthy(t, p)
}

func TestGRPCConnection(t *testing.T) {
	addr, _ := grpcServer(t, listen(t), grpchealth.NewServer())
	proxy := serverstest.Proxy(t, addr)
	p := openProbe(t, Spec{Type: "grpc", URL: "grpc://" + proxy.Addr()})
	for range 3 {
		wantHealthy(t, p)
	}
	if proxy.Accepted() != 1 {
		t.Errorf("%d connections; each run should use the first", proxy.Accepted())
	}
	proxy.Hang()
	for range 2 {
		wantProblem(t, p, short, health.Down, "no answer within 150 ms")
	}
	proxy.Pass()
	wantHealthy(t, p)
	_ = p.Close()
	eventually(t, "no connection is open", func() bool { return proxy.Open() == 0 })
}

func TestGRPCOverTLS(t *testing.T) {
	certificate := lasting(day)
	addr, _ := grpcServer(t, listen(t), grpchealth.NewServer(), grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	wantHealthy(t, openProbe(t, Spec{Type: "grpc", URL: "grpcs://" + addr}))

	own := newAuthority("Nobody").issue(trusted.cert.NotBefore, trusted.cert.NotAfter, "else.example")
	addr, _ = grpcServer(t, listen(t), grpchealth.NewServer(), grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{own}})))
	wantHealthy(t, openProbe(t, Spec{Type: "grpc", URL: "grpcs://" + addr, Insecure: true}))
}

// guarded answers to those who have the key, and repeats it to those who do not.
func guarded(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	sent, _ := metadata.FromIncomingContext(ctx)
	switch key := strings.Join(sent.Get("authorization"), ""); key {
	case "Bearer geheim":
		return handler(ctx, req)
	case "":
		return nil, status.Error(codes.Unauthenticated, "who are you?")
	default:
		return nil, status.Error(codes.Internal, "no key: "+key)
	}
}

func TestGRPCRefusals(t *testing.T) {
	addr, _ := grpcServer(t, listen(t), grpchealth.NewServer(), grpc.UnaryInterceptor(guarded))
	spec := Spec{Type: "grpc", URL: "grpc://" + addr, Headers: map[string]string{"Authorization": "Bearer geheim"}}
	wantHealthy(t, openProbe(t, spec))
	spec.Headers = nil
	wantProblem(t, openProbe(t, spec), enough, health.Down, "permission denied: add the headers")
	spec.Headers = map[string]string{"Authorization": "Bearer geheim2"}
	wantProblem(t, openProbe(t, spec), enough, health.Down, "Internal: no key: ***")

	mute, _ := grpcServer(t, listen(t), nil)
	wantProblem(t, openProbe(t, Spec{Type: "grpc", URL: "grpc://" + mute}), enough, health.Down, "it has no grpc.health.v1.Health")

	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	wantProblem(t, openProbe(t, Spec{Type: "grpc", URL: "grpc://" + web.Listener.Addr().String()}), enough, health.Down, "does not speak gRPC")

	text := serve(t, listen(t), greets("HTTP/1.1 400 Bad Request\r\n\r\n"))
	wantProblem(t, openProbe(t, Spec{Type: "grpc", URL: "grpc://" + text}), enough, health.Down, "does not speak gRPC")
}

// TestGRPCConnectionIsLost loses a connection at each of its stages. What is asked may meet
// it when it is written, or when the answer is read.
func TestGRPCConnectionIsLost(t *testing.T) {
	for _, reset := range []bool{false, true} {
		closed := serve(t, listen(t), func(c net.Conn) { end(c, reset) })
		for range 20 {
			wantProblem(t, openProbe(t, Spec{Type: "grpc", URL: "grpc://" + closed}), enough, health.Down, "does not speak gRPC")
		}
		settled := serve(t, listen(t), func(c net.Conn) {
			_, _ = io.CopyN(io.Discard, c, int64(len(http2.ClientPreface)))
			frames := http2.NewFramer(c, c)
			_ = frames.WriteSettings()
			for asked := false; !asked; {
				frame, err := frames.ReadFrame()
				if err != nil {
					t.Errorf("before it asked: %v", err)
					break
				}
				_, asked = frame.(*http2.HeadersFrame)
			}
			end(c, reset)
		})
		wantProblem(t, openProbe(t, Spec{Type: "grpc", URL: "grpc://" + settled}), enough, health.Down, "connection closed by the server")
	}
}

// end closes a connection, in order or by a reset.
func end(c net.Conn, reset bool) {
	if tcp, ok := c.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
