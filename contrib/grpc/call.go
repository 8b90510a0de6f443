package kymogrpc

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/kymohq/kymo"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// call is a call on its way through StatsHandler or an interceptor.
type call struct {
	x      *kymo.Exchange // nil if a filter leaves the call out
	route  string
	stream bool
	probe  bool // it comes from Kubernetes' gRPC probe

	begun atomic.Bool  // the server knows the method
	sent  atomic.Bool  // the status was sent
	size  atomic.Int64 // of the messages that were
}

// unmatched is the endpoint of methods that are not registered.
const unmatched = "(unmatched)"

// callKey is the key of StatsHandler's call in a context.
type callKey struct{ m *kymo.Monitor }

// begin starts a call, unless a filter leaves it out. The context that it returns
// is for the handler.
func begin(ctx context.Context, m *kymo.Monitor, method string) (context.Context, *call) {
	if c, ok := ctx.Value(callKey{m}).(*call); ok && c.x == nil {
		return ctx, c // StatsHandler has asked the filters
	}
	c := &call{route: method, probe: isProbe(ctx)}
	if m.Skip(func() *http.Request { return asRequest(ctx, method) }) {
		return ctx, c
	}
	ctx, c.x = m.Begin(ctx)
	return ctx, c
}

// isProbe reports whether a call comes from one of Kubernetes' probes.
func isProbe(ctx context.Context) bool {
	agent := metadata.ValueFromIncomingContext(ctx, "user-agent")
	return len(agent) != 0 && strings.HasPrefix(agent[0], "kube-probe/")
}

// asRequest returns the HTTP request that a call came with, for filters.
func asRequest(ctx context.Context, method string) *http.Request {
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: method}, RequestURI: method,
		Proto: "HTTP/2.0", ProtoMajor: 2, Header: make(http.Header), Body: http.NoBody,
	}
	md, _ := metadata.FromIncomingContext(ctx)
	for name, values := range md {
		if name == ":authority" && len(values) != 0 {
			r.Host = values[0]
			continue
		}
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		r.RemoteAddr = p.Addr.String()
	}
	return r.WithContext(ctx)
}

// announce passes the call's route to the outer middleware that records it, which may
// return before the call's handler does.
func (c *call) announce(ctx context.Context) {
	if c.x.Joined() {
		kymo.SetRouteContext(ctx, c.route)
		if c.stream {
			kymo.SetStreamContext(ctx)
		}
	}
}

// statusOf returns the status of a call that ends with err, which gRPC turns into
// a code like this.
func statusOf(err error) int {
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	}
	return kymo.RPCStatus(uint32(s.Code()))
}

// end records the call, once.
func (c *call) end(status int) {
	c.x.End(kymo.Request{
		Route: c.route, Method: http.MethodPost, Status: status, Stream: c.stream, Size: c.size.Load(), Probe: c.probe,
	})
}
