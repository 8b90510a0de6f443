module github.com/kymohq/kymo/e2e

go 1.26.0
