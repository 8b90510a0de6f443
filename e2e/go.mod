module github.com/kymohq/kymo/e2e

go 1.26.0

require (
	github.com/kymohq/kymo v0.1.0
	golang.org/x/mod v0.41.0
)
