module github.com/kymohq/kymo/tools

go 1.26.0
