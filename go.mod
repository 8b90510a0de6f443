module github.com/kymohq/kymo

go 1.25.0
