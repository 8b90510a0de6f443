// Package kymogrpc records the calls that a gRPC server answers:
//
//	m := kymo.New("orders")
//	defer m.Close(context.Background())
//
//	s := grpc.NewServer(grpc.StatsHandler(kymogrpc.StatsHandler(m)))
//
// or, with interceptors instead, which are to come before all others:
//
//	s := grpc.NewServer(
//		grpc.ChainUnaryInterceptor(kymogrpc.UnaryServerInterceptor(m)),
//		grpc.ChainStreamInterceptor(kymogrpc.StreamServerInterceptor(m)),
//	)
//
// StatsHandler sees more: calls of unknown methods, messages that are refused
// before they reach a handler, the size of what was sent, what interceptors make
// of a call, whether its client has left, and users that interceptors further out
// set. The interceptors add the metadata x-response-time, see panics that others
// recover from, and tell methods of grpc.UnknownServiceHandler from registered
// ones. With both, and where m.Middleware stands around grpc.Server.ServeHTTP,
// each call is recorded once.
//
// The endpoint is the full method, as in "/package.Service/Method", or
// "(unmatched)" if it is not registered; SetRouteContext names it for a proxy. The
// method is POST, and the status that of kymo.RPCStatus. A streaming call counts by
// its header, with its lifetime beside it. Calls of
// Kubernetes' probes are counted as such. Handlers name the user with kymo.SetUserContext(ctx, user).
package kymogrpc
