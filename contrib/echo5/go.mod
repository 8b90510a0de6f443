module github.com/kymohq/kymo/contrib/echo5

go 1.25.0

require (
	github.com/labstack/echo/v5 v5.4.4
	github.com/kymohq/kymo v0.0.0
)

replace github.com/kymohq/kymo => ../..
