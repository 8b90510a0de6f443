// Package kymogrpc records the calls of a gRPC server:
//
//	m := kymo.New("orders")
//	defer m.Close(context.Background())
//
//	s := grpc.NewServer(grpc.StatsHandler(kymogrpc.StatsHandler(m)))
//
// or, with interceptors instead, which must come before all others:
//
//	s := grpc.NewServer(
//		grpc.ChainUnaryInterceptor(kymogrpc.UnaryServerInterceptor(m)),
//		grpc.ChainStreamInterceptor(kymogrpc.StreamServerInterceptor(m)),
//	)
//
// StatsHandler sees more: calls of unknown methods, messages that are rejected before
// they reach a handler, sizes, what other interceptors change, whether the client
// disconnected, and users set by interceptors further out. The interceptors add the
// metadata x-response-time, see panics that others recover from, and distinguish
// methods of grpc.UnknownServiceHandler from registered ones. With both, or with
// m.Middleware around grpc.Server.ServeHTTP, each call is recorded once.
//
// The endpoint is the full method, such as "/package.Service/Method", or "(unmatched)"
// if it is not registered; proxies set it with SetRouteContext. The method is POST, and
// the status is that of kymo.RPCStatus. A streaming call counts by its header, and its
// lifetime is kept beside it. Calls of Kubernetes' probes are counted but not recorded.
// Handlers set the user with kymo.SetUserContext(ctx, user).
package kymogrpc
