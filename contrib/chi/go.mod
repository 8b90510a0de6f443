module github.com/kymohq/kymo/contrib/chi

go 1.25.0

require (
	github.com/go-chi/chi/v5 v5.5.0
	github.com/kymohq/kymo v0.1.0
)
