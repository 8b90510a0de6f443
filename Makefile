# Tools that no module depends on, at the version everyone uses.
export GOTESTSUM := gotest.tools/gotestsum@v1.13.0
export GOLANGCI  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

FUZZTIME     ?= 20s
MIN_COVERAGE := 95

.PHONY: build run ui ui-test browser screenshots paint test test-fast test-long lint bench cover fuzz modules release servers interop upstream postgres cluster help
.DEFAULT_GOAL := help

build: ## build bin/kymo, with the dashboard if Node.js is installed
	@tools/ui.sh if-missing
	@cd hub && go build -o ../bin/kymo ./cmd/kymo

run: build ## run the demo: a hub, a small shop and load on it
	@exec bin/kymo demo

ui: ## build the dashboard into the hub; needs Node.js 20.19 or newer
	@tools/ui.sh

ui-test: ui browser ## test the dashboard in a browser (Debian's chromium) against a real hub

# Where coverage is measured, the hub of these tests counts, too: see e2e/command_test.go.
browser: KYMO_BIN := $(CURDIR)/$(if $(KYMO_COVERDIR),build/browser,bin)
browser:
	@cd hub && go build $(if $(KYMO_COVERDIR),-cover -coverpkg=github.com/kymohq/kymo/...) -o $(KYMO_BIN)/kymo ./cmd/kymo
	@cd e2e && go build -o $(KYMO_BIN)/seed ./seedtest
	@cd hub/web && npm run --silent check && npm test --silent && \
		KYMO_BIN=$(KYMO_BIN) GOCOVERDIR=$(KYMO_COVERDIR) npm run --silent browser

screenshots: ui ## take screenshots of every screen with sample data: build/screenshots
	@cd hub && go build -o ../bin/kymo ./cmd/kymo
	@cd e2e && go build -o ../bin/seed ./seedtest
	@cd hub/web && node browser/screenshots.js

paint: ui ## measure the browser's work until Overview is painted
	@cd hub && go build -o ../bin/kymo ./cmd/kymo
	@cd e2e && go build -o ../bin/seed ./seedtest
	@cd hub/web && node browser/paint.js

test-fast: ## run the tests that need no servers, in short mode: for a change of one package
	@tools/test.sh fast

test-long: servers ui ## run the longest tests, and all under the race detector, at full length
	@tools/test.sh long

test: servers ui ## run the tests of every module and of the dashboard; fail under 95 % coverage of the product
	@tools/test.sh $(MIN_COVERAGE) browser

lint: ## check format, spelling, vet, golangci-lint, tidy modules and a clean tree
	@tools/lint.sh

bench: ## compare the performance of Kymo and its peers
	@cd bench && go run .

cover: servers ## run the tests and write build/cover/index.html, with the files that they miss
	@tools/test.sh 0
	@cd hub && go tool cover -html=../build/cover/merged.out -o ../build/cover/index.html
	@build/coverage -files 0 build/cover/merged.out

fuzz: ## run every fuzz target for FUZZTIME (20s)
	@tools/fuzz.sh $(FUZZTIME)

modules: ## bring go.mod files up to what the workspace selects, after a change of dependencies
	@tools/modules.sh sync

release: ## commit and tag a release, without pushing it: make release VERSION=v0.1.0
	@tools/release.sh '$(VERSION)'

servers: ## install the databases and the browser for the tests: Debian's packages, and two more versions of PostgreSQL
	@tools/servers.sh
	@tools/postgres.sh

interop: ## check the probes of model servers with real ones, MLServer and TorchServe from PyPI
	@tools/interop.sh

upstream: ## run the tests of net/http and of routers with and without Kymo's middleware
	@cd tools && go run ./upstream

postgres: servers ## run the tests of the store in every version of PostgreSQL from 14 to 18, at full length
	@tools/postgres.sh all
	@cd hub && go test -tags postgres -count=1 -timeout 30m -run Versions ./internal/store/pgstore

cluster: servers ## run the tests that break a ClickHouse cluster
	@cd hub && go test -tags cluster -count=1 -timeout 30m -run 'Cluster|Replica|Shard|ZooKeeper' ./internal/store/chstore

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
