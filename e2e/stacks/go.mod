module github.com/kymohq/kymo/e2e/stacks

go 1.26.0

require github.com/kymohq/kymo v0.0.0

replace github.com/kymohq/kymo => ../../
