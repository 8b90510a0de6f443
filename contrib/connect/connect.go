// Package kymoconnect records the calls of Connect handlers, in the protocols of
// Connect, gRPC and gRPC-Web. With Kymo's middleware around the mux, this package is
// not needed:
//
//	http.ListenAndServe(":8080", m.Middleware(mux))
//
// Its interceptor is for services where that is not possible, where only some handlers
// are to be recorded, or where procedures are mounted below a prefix:
//
//	m := kymo.New("orders")
//	defer m.Close(context.Background())
//
//	mux.Handle(ordersv1connect.NewOrdersHandler(orders,
//		connect.WithInterceptors(kymoconnect.Interceptor(m)))) // before all others
//
// With both, each call is recorded once. The endpoint is the procedure, such as
// "/acme.orders.v1.Orders/Get", the method is POST or GET, and the status is that of
// kymo.RPCStatus. A streaming call counts by its first message, and its lifetime is kept
// beside it. Handlers set the user with kymo.SetUserContext(ctx, user).
//
// Unlike the middleware, an interceptor does not see requests that no handler accepts,
// bodies that cannot be read, what interceptors further out change, and sizes.
package kymoconnect

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"

	"connectrpc.com/connect"
	"github.com/kymohq/kymo"
)

// Interceptor returns an interceptor that records the calls of handlers for m, and adds
// X-Response-Time to their header. If a handler panics, status 500 is recorded, and the
// panic continues. Calls made by clients are not recorded.
func Interceptor(m *kymo.Monitor) connect.Interceptor { return interceptor{m} }

type interceptor struct{ m *kymo.Monitor }

// WrapStreamingClient returns next.
func (i interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapUnary returns a function that records a handler's calls of next.
func (i interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (res connect.AnyResponse, err error) {
		if req.Spec().IsClient {
			return next(ctx, req)
		}
		call := kymo.Request{Route: req.Spec().Procedure, Method: req.HTTPMethod()}
		if i.m.Skip(func() *http.Request { return asRequest(ctx, call, req.Header(), req.Peer()) }) {
			return next(ctx, req)
		}
		called, x := i.m.Begin(ctx)
		panicking := true
		defer func() {
			if !panicking {
				if info, ok := connect.CallInfoForHandlerContext(ctx); ok {
					addHeader(x, info.ResponseHeader())
				}
				if call.Method == http.MethodGet && connect.IsNotModifiedError(err) {
					call.Status = http.StatusNotModified
				}
			}
			end(ctx, x, call, err, panicking)
		}()
		res, err = next(called, req)
		panicking = false
		return res, err
	}
}

// WrapStreamingHandler returns a function that records the calls of next.
func (i interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		call := kymo.Request{Route: conn.Spec().Procedure, Method: http.MethodPost, Stream: true}
		if i.m.Skip(func() *http.Request { return asRequest(ctx, call, conn.RequestHeader(), conn.Peer()) }) {
			return next(ctx, conn)
		}
		called, x := i.m.Begin(ctx)
		s := &stream{StreamingHandlerConn: conn, x: x}
		panicking := true
		defer func() {
			if !panicking {
				s.addHeader()
			}
			end(ctx, x, call, err, panicking)
		}()
		err = next(called, s)
		panicking = false
		return err
	}
}

// asRequest returns the HTTP request that a call came with, for filters.
func asRequest(ctx context.Context, call kymo.Request, header http.Header, peer connect.Peer) *http.Request {
	r := &http.Request{
		Method: call.Method, URL: &url.URL{Path: call.Route, RawQuery: peer.Query.Encode()},
		Host: header.Get("Host"), Header: header, RemoteAddr: peer.Addr, Body: http.NoBody,
		Proto: "HTTP/2.0", ProtoMajor: 2,
	}
	r.RequestURI = r.URL.RequestURI()
	return r.WithContext(ctx)
}

// end records a call that ended with err. If the middleware is around it, that one sees
// the status itself, and gets the rest passed.
func end(ctx context.Context, x *kymo.Exchange, call kymo.Request, err error, panicking bool) {
	switch {
	case panicking:
		call.Status = http.StatusInternalServerError
	case x.Joined():
		call.Status = 0
	case ctx.Err() == context.Canceled:
		call.Status = kymo.RPCStatus(uint32(connect.CodeCanceled)) // the client has left, and gets nothing
	case call.Status == 0 && err != nil:
		call.Status = kymo.RPCStatus(uint32(codeOf(err)))
	}
	x.End(call)
}

// codeOf returns the code that Connect sends for an error.
func codeOf(err error) connect.Code {
	var coded *connect.Error
	switch {
	case errors.As(err, &coded):
		return coded.Code()
	case errors.Is(err, context.Canceled):
		return connect.CodeCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return connect.CodeDeadlineExceeded
	}
	return connect.CodeUnknown
}
