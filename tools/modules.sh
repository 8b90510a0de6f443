#!/usr/bin/env bash
# Keeps the go.mod files of the workspace such that what is tested in it is what
# users get. In the workspace every module is built with the highest version of a
# dependency that any of them requires; a user builds one module, from its go.mod.
# So each go.mod must
#   - have no replace and no exclude, which users' builds ignore;
#   - be tidy;
#   - select by itself the versions that the workspace selects.
# The last does not hold for the adapters in contrib: a service that adds one should
# not have to raise other dependencies, so they require what their router requires,
# and are tested alone.
# Usage: tools/modules.sh check|sync|listed|published|alone MODULE ARGUMENT…
# sync writes the go.mod and go.sum files; listed and published print directories of
# modules: all of the workspace, and those that others may import; alone runs the go
# command in a module as its users do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sdk=github.com/kymohq/kymo
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

listed() { go work edit -json go.work | sed -n 's|.*"DiskPath": "\(\./\)\?\(.*\)".*|\2|p'; }
published() { listed | grep -vxE 'e2e|tools'; }
adapter() { [[ $1 == contrib/* ]]; }

# alone MODULE COMMAND… runs the command as if there were no workspace, with
# the go.mod in $copy.
alone() { GOWORK=off GOFLAGS="${GOFLAGS:-} -modfile=$copy/go.mod" go -C "$@"; }

# take MODULE copies its go.mod and go.sum to $copy, and adds what stands in for a
# version of the SDK that was not released yet.
take() {
	rm -f "$copy"/*
	cp "$1/go.mod" "$copy/go.mod"
	if [[ -e $1/go.sum ]]; then
		cp "$1/go.sum" "$copy/go.sum"
	fi
	if [[ $1 != . ]]; then
		go mod edit -replace "$sdk=$PWD" "$copy/go.mod"
	fi
}

# give MODULE copies them back.
give() {
	if [[ $1 != . ]]; then
		go mod edit -dropreplace "$sdk" "$copy/go.mod"
	fi
	cp "$copy/go.mod" "$1/go.mod"
	if [[ -e $copy/go.sum ]]; then
		cp "$copy/go.sum" "$1/go.sum"
	fi
}

# versions GO… prints the modules of others, and their versions, that the packages
# and tests of a module are built from.
versions() {
	local module='{{with .Module}}{{if not (or .Main .Replace)}}{{.Path}}@{{.Version}}{{end}}{{end}}'
	"$@" list -deps -test -f "$module" ./... | sort -u
}

replaces() {
	if go mod edit -json "$1/go.mod" | grep -q '"\(Replace\|Exclude\)": \['; then
		echo 'go.mod has a replace or an exclude; those of its users would not'
		return 1
	fi
}

check() {
	local module=$1 failed=0
	replaces "$module" || failed=1
	take "$module"
	alone "$module" mod tidy -diff || failed=1
	if ! adapter "$module"; then
		diff --label alone --label 'in the workspace' -U 0 \
			<(versions alone "$module") <(versions go -C "$module") || failed=1
	fi
	if ((failed)); then
		echo "$module/go.mod is not right; make modules may help"
	fi
	return $failed
}

sync() {
	local module=$1
	take "$module"
	if ! adapter "$module"; then
		mapfile -t want < <(versions go -C "$module")
		if ((${#want[@]})); then
			alone "$module" get "${want[@]}"
		fi
	fi
	alone "$module" mod tidy
	give "$module"
}

case ${1:-} in
listed | published)
	"$1"
	;;
alone)
	take "$2"
	alone "${@:2}"
	;;
check | sync)
	failed=0
	modules=$(listed)
	for module in $modules; do
		"$1" "$module" || failed=1
	done
	exit $failed
	;;
*)
	echo 'usage: tools/modules.sh check|sync|listed|published|alone MODULE ARGUMENT…' >&2
	exit 2
	;;
esac
