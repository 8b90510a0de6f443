module github.com/kymohq/kymo/contrib/echo5

go 1.25.0

require (
	github.com/kymohq/kymo v0.1.0
	github.com/labstack/echo/v5 v5.4.4
)

require golang.org/x/time v0.15.0 // indirect
