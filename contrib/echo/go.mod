module github.com/kymohq/kymo/contrib/echo

go 1.25.0

require (
	github.com/labstack/echo/v4 v4.16.0
	github.com/kymohq/kymo v0.0.0
)

replace github.com/kymohq/kymo => ../..
