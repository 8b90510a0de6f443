package kymogrpc

import (
	"context"
	"net/http"

	"github.com/kymohq/kymo"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
)

// StatsHandler returns a handler for grpc.StatsHandler that records the calls of a server
// for m.
func StatsHandler(m *kymo.Monitor) stats.Handler { return statsHandler{m} }

type statsHandler struct{ m *kymo.Monitor }

// TagRPC begins a call.
func (h statsHandler) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	ctx, c := begin(ctx, h.m, info.FullMethodName)
	return context.WithValue(ctx, callKey(h), c)
}

// HandleRPC follows the call. gRPC reports the begin of a call only for methods that it
// knows or has a handler for; for others it reports no end either.
func (h statsHandler) HandleRPC(ctx context.Context, s stats.RPCStats) {
	c, _ := ctx.Value(callKey(h)).(*call)
	if c == nil || c.x == nil || s.IsClient() {
		return
	}
	switch s := s.(type) {
	case *stats.Begin:
		c.begun.Store(true)
		c.stream = s.IsClientStream || s.IsServerStream
		c.announce(ctx)
	case *stats.OutHeader:
		c.x.ResponseTime()
	case *stats.OutPayload:
		c.size.Add(int64(s.WireLength))
	case *stats.OutTrailer:
		c.x.ResponseTime()
		c.sent.Store(true)
		if !c.begun.Load() && !c.x.Joined() {
			c.route = unmatched
			c.end(http.StatusNotImplemented)
		}
	case *stats.End:
		if !c.x.Joined() { // else what stands further out sees the status that is sent
			c.end(c.status(ctx, s.Error))
		}
	}
}

// status returns the status of a call that has ended with err.
func (c *call) status(ctx context.Context, err error) int {
	if !c.sent.Load() && ctx.Err() != nil {
		code := codes.Canceled // by the client, which gets nothing
		if ctx.Err() == context.DeadlineExceeded {
			code = codes.DeadlineExceeded
		}
		return kymo.RPCStatus(uint32(code))
	}
	return statusOf(err)
}

// TagConn does nothing.
func (statsHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (statsHandler) HandleConn(context.Context, stats.ConnStats) {}
