module github.com/kymohq/kymo/contrib/connect

go 1.26.0

require (
	connectrpc.com/connect v1.21.1
	github.com/kymohq/kymo v0.1.0
	google.golang.org/protobuf v1.36.12
)
