#!/usr/bin/env bash
# Checks what can be checked without running the code: runs every check, and then
# fails if one of them failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

failed=0
check() { # check NAME COMMAND...
	local name=$1 out
	shift
	if ! out=$("$@" 2>&1); then
		printf '== %s\n%s\n' "$name" "$out" >&2
		failed=1
	fi
}
found() { git grep -n --untracked "$@" || (($? == 1)); } # git grep, where no match is no failure
nothing() { ! grep .; } # fails, and shows its input, if it has any

sources() { git grep -lz --untracked -e '' -- "$@"; } # that exist, and are not ignored
modules() { sources 'go.mod' '*/go.mod' | xargs -0 -n 1 dirname; }

unformatted() { sources '*.go' | xargs -0 gofmt -l -s | nothing; }

# The SDK adds no dependencies to the services that import it.
sdk_requirements() { go mod edit -json | sed -n '/"Require": \[/,/\]/p' | nothing; }

# apart lists the modules that are not in the root's go.work; each has a workspace
# of its own.
apart() { comm -23 <(modules | sort) <(tools/modules.sh listed | sort); }

unlisted_modules() {
	apart | while read -r module; do
		if [[ ! -e $module/go.work ]]; then
			echo "$module"
		fi
	done | nothing
}

# Paths of one machine, and hosts that packages were fetched from (often in lock
# files), are of no use to others. The brackets keep the patterns from matching
# themselves.
local_traces() {
	found -I -E \
		-e '/wor[k]/' -e '/roo[t]/' \
		-e 'prox[y]\.golang\.org' -e 'registr[y]\.npmjs\.org' -e 'deb\.debia[n]\.org' \
		-- ':!*go.sum' | nothing
}

# Files that .gitignore ignores, and executables of any name. The commit of a
# release has the built dashboard; no commit of a branch may.
build_output() {
	local built=()
	if [[ -n $(git tag --points-at HEAD 'v*') ]]; then
		built=(':!hub/internal/web/dist')
	fi
	{
		git ls-files --cached --ignored --exclude-standard -- "${built[@]}"
		found -a -P -l '\A\x7fELF'
	} | nothing
}

dashboard() { tools/npm.sh hub/web && npm --prefix hub/web run --silent lint; }

# linters MODULE PATTERN… runs those that .golangci.yaml leaves on.
linters() { env -C "$1" go run "$GOLANGCI" run -c "$PWD/.golangci.yaml" "${@:2}"; }

check 'gofmt -s: not formatted' unformatted
check 'the root go.mod must require nothing' sdk_requirements
check 'modules that are in no go.work' unlisted_modules
check 'traces of one machine' local_traces
check 'build output in the tree' build_output
check 'spelling' tools/spelling/check.sh
check 'hub/web: npm run lint' dashboard
check 'modules of the workspace' tools/modules.sh check
for module in $(apart); do
	check "$module: go mod tidy" go -C "$module" mod tidy -diff
done
for module in $(modules); do
	check "$module: go vet" go -C "$module" vet ./...
done
check 'golangci-lint' linters . $(tools/modules.sh listed | sed 's|$|/...|; s|^|./|')
for module in $(apart); do
	check "$module: golangci-lint" linters "$module" ./...
done
exit $failed
