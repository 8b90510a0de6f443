module github.com/kymohq/kymo/contrib/mux

go 1.25.0

require (
	github.com/gorilla/mux v1.8.1
	github.com/kymohq/kymo v0.1.0
)
