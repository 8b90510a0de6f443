package kymogrpc

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/kymohq/kymo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// UnaryServerInterceptor returns an interceptor that records unary calls for m. If a
// handler panics, status 500 is recorded, and the panic continues.
func UnaryServerInterceptor(m *kymo.Monitor) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (reply any, err error) {
		called, c := begin(ctx, m, info.FullMethod)
		if c.x == nil {
			return handler(ctx, req)
		}
		c.announce(called)
		panicking := true
		defer func() { c.returned(ctx, err, panicking) }()
		reply, err = handler(called, req)
		panicking = false
		if err == nil {
			// Without a header, a failed call is answered by trailers alone.
			c.addHeader(func(md metadata.MD) error { return grpc.SetHeader(ctx, md) })
		}
		return reply, err
	}
}

// StreamServerInterceptor returns an interceptor that records streaming calls for m, as
// UnaryServerInterceptor does for unary ones.
func StreamServerInterceptor(m *kymo.Monitor) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		ctx, c := begin(ss.Context(), m, info.FullMethod)
		if c.x == nil {
			return handler(srv, ss)
		}
		if srv == nil { // it is grpc.UnknownServiceHandler's
			c.route = unmatched
		}
		c.stream = true
		c.announce(ctx)
		panicking := true
		defer func() { c.returned(ss.Context(), err, panicking) }()
		err = handler(srv, &serverStream{ServerStream: ss, ctx: ctx, c: c})
		panicking = false
		return err
	}
}

// serverStream is a stream as its handler has it. It notes when the header is sent.
type serverStream struct {
	grpc.ServerStream
	ctx    context.Context
	c      *call
	header sync.Once
}

func (s *serverStream) Context() context.Context { return s.ctx }

func (s *serverStream) SendHeader(md metadata.MD) error {
	s.addHeader()
	return s.ServerStream.SendHeader(md)
}

func (s *serverStream) SendMsg(m any) error {
	s.addHeader()
	return s.ServerStream.SendMsg(m)
}

func (s *serverStream) addHeader() {
	s.header.Do(func() { s.c.addHeader(s.SetHeader) })
}

// responseTime is the name of our metadata.
var responseTime = strings.ToLower(kymo.ResponseTimeHeader)

// addHeader adds ours to the header, which is about to be sent.
func (c *call) addHeader(set func(metadata.MD) error) {
	if value := c.x.ResponseTime(); value != "" {
		_ = set(metadata.Pairs(responseTime, value)) // fails if the handler has sent the header
	}
}

// returned records a call whose handler has returned err, or did panic. ctx is
// the stream's.
func (c *call) returned(ctx context.Context, err error, panicking bool) {
	switch {
	case panicking:
		c.end(http.StatusInternalServerError)
	case ctx.Err() == context.Canceled:
		c.end(kymo.RPCStatus(uint32(codes.Canceled))) // the client has left, and gets nothing
	case !c.x.Joined(): // else the status that is sent is seen further out
		c.end(statusOf(err))
	}
}
