#!/usr/bin/env bash
# Runs the tests of every module. Usage: tools/test.sh MIN_COVERAGE [browser], or
# tools/test.sh long|fast; see the Makefile.
# Races and coverage are tested separately: the race detector makes coverage counters
# atomic, which orders goroutines and so hides their races; and the two together take
# three times as long. All phases go on at the same time: most tests wait now and then, for
# a server, a disk, a browser or a clock.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cover=$PWD/build/cover
product=-coverpkg=github.com/kymohq/kymo/...
failed=0
# Without DWARF, compiling takes a fifth less time. Without the paths of this directory, Go
# finds again what it has compiled in another clone.
export GOFLAGS="${GOFLAGS-} -trimpath -gcflags=github.com/kymohq/kymo/...=-dwarf=false"

run() { run_but '' "$@"; } # run MODULE FLAG...

run_but() { # run_but PACKAGES MODULE FLAG..., without packages that match a pattern
	local but=$1 module=$2 packages
	shift 2
	packages=$(go -C "$module" list ./... | grep -vE "${but:-^$}") || {
		failed=1
		return
	}
	# shellcheck disable=SC2086
	# Vet is part of make lint. A cached result of e2e would lack the coverage of
	# the commands that it starts.
	go -C "$module" test -json -vet=off -count=1 -timeout 30m "$@" $packages || failed=1
}

adapters() { # adapters FLAG...
	local adapter
	for adapter in contrib/*; do
		tools/modules.sh alone "$adapter" test -json -vet=off -count=1 "$@" ./... || failed=1
	done
}

# In short mode, a test that repeats something many times, or with much data, does so
# less often, and one that takes minutes is left to long. So are races in packages whose
# tests are mostly those of servers or of commands, and in stacks, which are mostly others' code.
races() {
	run_but "internal/serverstest$(nothing_at_once .)" . -race -short
	run_but "store/(ch|pg)store|storecopy|cmd/kymo$(nothing_at_once hub)" hub -race -short
}

# nothing_at_once MODULE prints, as further alternatives of a pattern, the packages in
# which neither the code nor a test does two things at once.
nothing_at_once() {
	local package files
	go -C "$1" list -f '{{$d := .Dir}}{{.ImportPath}}{{range .GoFiles}} {{$d}}/{{.}}{{end}}{{range .TestGoFiles}} {{$d}}/{{.}}{{end}}{{range .XTestGoFiles}} {{$d}}/{{.}}{{end}}' ./... |
		while read -r package files; do
			# In doubt a package is tested: what it imports may start goroutines, too.
			# shellcheck disable=SC2086
			grep -qE '\bgo [^ ]+\(|\.Go\(|AfterFunc\(|\.Parallel\(|sync|"net|httptest' /dev/null $files || printf '|%s$' "$package"
		done
}

coverage() {
	run hub -short "$product" -coverprofile="$cover/hub.out"
	run . -short "$product" -coverprofile="$cover/sdk.out"
	run bench
	run tools
}

e2e() {
	run e2e -short "$product" -coverprofile="$cover/e2e.out"
	run e2e/stacks -short
	adapters -race
}

long() {
	run . -race
	run hub -race
	# Ten times as many schedules of faults as with the race detector, and sizes on the
	# disk, which that would spoil.
	go -C hub test -json -vet=off -count=1 -timeout 30m ./internal/simulation || failed=1
	go -C hub test -json -vet=off -count=1 -timeout 30m -run MaximumSize ./internal/store/pebblestore || failed=1
	run e2e/stacks -race
	run e2e
}

# Packages whose tests start no database.
fast() {
	local servers=github.com/kymohq/kymo/internal/serverstest
	run_fast() { # run_fast MODULE
		local packages
		packages=$(go -C "$1" list -f '{{.ImportPath}}{{range .TestImports}} {{.}}{{end}}{{range .XTestImports}} {{.}}{{end}}' ./... |
			grep -v "$servers" | cut -d ' ' -f 1)
		# shellcheck disable=SC2086
		go -C "$1" test -json -vet=off -short $packages || failed=1
	}
	run_fast .
	run_fast hub
	run_fast tools
}

# gotestsum PHASE runs this script again for the events of a phase, so that the tests
# of many modules end in one count.
gotestsum() {
	go run "$GOTESTSUM" --format pkgname --format-hide-empty-pkg --jsonfile "build/$1.json" \
		--ignore-non-json-output-lines --raw-command -- "${BASH_SOURCE[0]}" events "$1"
}

case $1 in
events)
	"$2"
	exit "$failed"
	;;
long | fast)
	mkdir -p build
	gotestsum "$1"
	;;
*)
	rm -rf "$cover"
	mkdir -p "$cover/commands"
	export KYMO_COVERDIR=$cover/commands # see e2e/command_test.go
	phases=()
	for phase in races coverage e2e; do
		gotestsum "$phase" &
		phases+=($!)
	done
	if [[ ${2-} == browser ]]; then
		make --no-print-directory browser >build/browser.log 2>&1 || failed=1
		cat build/browser.log
	fi
	for phase in "${phases[@]}"; do
		wait "$phase" || failed=1
	done
	if ((failed)); then
		exit 1 # the coverage of a failed run is meaningless
	fi
	go tool covdata textfmt -i="$KYMO_COVERDIR" -o="$cover/commands.out"
	go -C tools build -o ../build/coverage ./coverage
	build/coverage -min "$1" -merged "$cover/merged.out" "$cover"/*.out
	;;
esac
