module github.com/kymohq/kymo/tools

go 1.26.0

// Packages from npm hold Go, too.
ignore node_modules
