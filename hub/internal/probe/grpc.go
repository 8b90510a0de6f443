package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kymohq/kymo/health"
)

// grpcProbe calls grpc.health.v1. It keeps a connection as long as it works:
// one that failed would pause between its own attempts, and the next run would
// get the error of an earlier one.
type grpcProbe struct {
	network string // tcp or unix
	addr    string
	secure  credentials.TransportCredentials
	service string
	header  metadata.MD
	conn    *grpc.ClientConn // nil before the first, and after one that failed
	made    time.Time        // when it was
	other   bool             // it has led to nothing that speaks HTTP/2

	mu     sync.Mutex
	failed error // what kept the last connection from being made
	broken error // what its first failed read said
}

func newGRPC(s *Spec) (health.Probe, error) {
	u, hide, err := grpcURL(s.URL)
	if err != nil {
		return health.Probe{}, err
	}
	secure, err := newSecure(s.TLS, s.Insecure)
	if err != nil {
		return health.Probe{}, err
	}
	headers, err := checkHeaders(s.Headers, &hide)
	if err != nil {
		return health.Probe{}, err
	}
	g := &grpcProbe{network: "tcp", addr: u.Host, service: s.Service, header: metadata.New(headers)}
	if u.Scheme == "unix" {
		g.network, g.addr = "unix", u.Path
	}
	inner := insecure.NewCredentials()
	if u.Scheme == "grpcs" {
		inner = credentials.NewTLS(secure.config(u.Hostname()))
	} else if secure.given() {
		return health.Probe{}, unusedTLS("it must begin with grpcs://")
	}
	g.secure = noting{inner, g}
	return networkProbe(target{"grpc", g.addr}, hide, g.run, g), nil
}

// grpcURL parses the address of a server, or the path of a socket as gRPC has it:
// unix:///run/app.sock.
func grpcURL(raw string) (*url.URL, secrets, error) {
	if path, ok := strings.CutPrefix(raw, "unix://"); ok {
		if !strings.HasPrefix(path, "/") || path == "/" {
			return nil, nil, wrong("url", "must have the absolute path of a socket, like unix:///run/app.sock")
		}
		return &url.URL{Scheme: "unix", Path: path}, nil, nil
	}
	u, hide, err := parseURL("url", raw, "grpc://host:50051", "grpc", "grpcs")
	if err == nil && u.Port() == "" {
		err = wrong("url", "names no port; it must look like grpc://host:50051")
	}
	return u, hide, err
}

// noting wraps credentials and passes on errors, of which gRPC keeps only the text.
type noting struct {
	credentials.TransportCredentials
	probe *grpcProbe
}

// ClientHandshake implements credentials.TransportCredentials.
func (n noting) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := n.TransportCredentials.ClientHandshake(ctx, authority, conn)
	n.probe.connected(err)
	if err != nil {
		return nil, nil, err
	}
	return notingConn{conn, n.probe}, info, nil
}

// Clone implements credentials.TransportCredentials.
func (n noting) Clone() credentials.TransportCredentials {
	return noting{n.TransportCredentials.Clone(), n.probe}
}

type notingConn struct {
	net.Conn
	probe *grpcProbe
}

// Read implements net.Conn.
func (c notingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.probe.broke(err)
	return n, err
}

// connected notes the outcome of a dial or a handshake.
func (g *grpcProbe) connected(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failed, g.broken = err, nil
}

// broke notes what a connection failed with, if it did.
func (g *grpcProbe) broke(err error) {
	if err == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken == nil {
		g.broken = err
	}
}

func (g *grpcProbe) run(ctx context.Context) (health.Details, error) {
	kept := g.conn != nil
	answer, err := g.check(ctx)
	if kept && status.Code(err) == codes.Unavailable && ctx.Err() == nil {
		answer, err = g.check(ctx) // the kept one broke between two runs
	}
	if err != nil {
		return nil, g.reason(err)
	}
	details := health.Details{"serving": answer.String()}
	if answer != grpc_health_v1.HealthCheckResponse_SERVING {
		return details, fault("the service is " + answer.String())
	}
	return details, nil
}

// check calls the server once, over the current connection.
func (g *grpcProbe) check(ctx context.Context) (serving grpc_health_v1.HealthCheckResponse_ServingStatus, err error) {
	if g.conn == nil {
		g.conn, err = grpc.NewClient("passthrough:///"+g.authority(), // so that each dial looks the name up
			grpc.WithTransportCredentials(g.secure),
			grpc.WithContextDialer(g.dial),
			grpc.WithDisableServiceConfig(),
			grpc.WithUserAgent(clientName))
		g.made = time.Now()
		if err != nil {
			return 0, err
		}
		g.other = !g.connect(ctx)
	}
	answer, err := grpc_health_v1.NewHealthClient(g.conn).Check(metadata.NewOutgoingContext(ctx, g.header),
		&grpc_health_v1.HealthCheckRequest{Service: g.service})
	if code := status.Code(err); code == codes.Unavailable || ctx.Err() != nil {
		g.drop()
	}
	return answer.GetStatus(), err
}

// connect waits for the first attempt to make a connection that speaks HTTP/2, and returns
// false if that failed. When the time is up, this is not known, and it returns true.
func (g *grpcProbe) connect(ctx context.Context) bool {
	g.conn.Connect()
	for was := connectivity.Idle; g.conn.WaitForStateChange(ctx, was); {
		if was = g.conn.GetState(); was != connectivity.Connecting {
			break
		}
	}
	return g.conn.GetState() != connectivity.TransientFailure
}

// authority returns the name that the server is asked for: gRPC's is localhost for a socket.
func (g *grpcProbe) authority() string {
	if g.network == "unix" {
		return "localhost"
	}
	return g.addr
}

func (g *grpcProbe) dial(ctx context.Context, _ string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, g.network, g.addr)
	if isLost(err) { // by a server that hangs up, which may be seen only after this
		g.connected(nil)
	} else {
		g.connected(err)
	}
	return conn, err
}

// reason returns what an error of gRPC means.
func (g *grpcProbe) reason(err error) error {
	said, _ := status.FromError(err)
	switch said.Code() {
	case codes.NotFound:
		return fault(fmt.Sprintf("the server knows no service %q", g.service))
	case codes.Unimplemented:
		return fault("the server does not report its health: it has no grpc.health.v1.Health")
	case codes.Unauthenticated, codes.PermissionDenied:
		return fault("permission denied: add the headers that the server requires")
	case codes.Unavailable:
		g.mu.Lock()
		defer g.mu.Unlock()
		switch {
		case g.failed != nil:
			return g.failed
		case g.other:
			return fault("the server does not speak gRPC here")
		case g.broken != nil && strings.Contains(said.Message(), g.broken.Error()):
			return g.broken
		}
	}
	// The causes that gRPC itself has are in front of the last one.
	text := said.Message()
	if i := strings.LastIndex(text, "desc = "); i >= 0 {
		text = strings.Trim(text[i+len("desc = "):], `"`)
	}
	return errors.New(said.Code().String() + ": " + text)
}

func (g *grpcProbe) oldest() time.Time {
	if g.conn == nil {
		return time.Time{}
	}
	return g.made
}

func (g *grpcProbe) drop() {
	if g.conn != nil {
		_ = g.conn.Close()
		g.conn = nil
	}
}

func (g *grpcProbe) close() { g.drop() }
