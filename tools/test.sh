#!/usr/bin/env bash
# Runs the tests of every module and measures the coverage of the two product
# modules together. Usage: tools/test.sh MIN_COVERAGE
#
# gotestsum runs this same script again (see the end) and reads the test events
# that it writes, so that one run of many modules ends in one count.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
minimum=$1
cover=$PWD/build/cover

run() { # run MODULE FLAG...
	local module=$1
	shift
	# Vet is part of make lint. A cached result of e2e would lack the coverage of
	# the commands that it starts.
	(cd "$module" && go test -json -vet=off -count=1 "$@" ./...) || failed=1
}

run_all() {
	rm -rf "$cover"
	mkdir -p "$cover/commands"
	export KYMO_COVERDIR=$cover/commands # see e2e/command_test.go
	local product=-coverpkg=github.com/kymohq/kymo/...
	failed=0

	# Races and coverage are measured apart: the race detector makes coverage
	# counters atomic, which orders goroutines and so hides their races; and the two
	# together take three times as long.
	run .   -race
	run hub -race -timeout 30m # the stores' suites take minutes under the race detector
	for adapter in contrib/*; do
		tools/modules.sh alone "$adapter" test -json -vet=off -count=1 -race ./... || failed=1
	done
	run .   "$product" -coverprofile="$cover/sdk.out"
	run hub -timeout 30m "$product" -coverprofile="$cover/hub.out"
	run e2e/stacks -race
	run e2e -timeout 30m "$product" -coverprofile="$cover/e2e.out"
	run bench
	run tools
	if ((failed)); then
		return 1 # the coverage of a failed run is meaningless
	fi

	go tool covdata textfmt -i="$KYMO_COVERDIR" -o="$cover/commands.out"
	go -C tools build -o ../build/coverage ./coverage
	build/coverage -min "$minimum" -merged "$cover/merged.out" "$cover"/*.out
}

if [[ ${2:-} == events ]]; then
	run_all
else
	exec go run "$GOTESTSUM" --format pkgname --format-hide-empty-pkg \
		--ignore-non-json-output-lines --raw-command -- "${BASH_SOURCE[0]}" "$minimum" events
fi
