module github.com/kymohq/kymo/contrib/gin

go 1.25.0

require (
	github.com/gin-gonic/gin v1.12.0
	github.com/kymohq/kymo v0.0.0
)

replace github.com/kymohq/kymo => ../..
