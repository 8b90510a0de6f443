#!/usr/bin/env bash
# Runs every fuzz target of the product modules, one after the other.
# Usage: tools/fuzz.sh TIME_PER_TARGET
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for module in . hub; do
	# go test -list prints the targets of a package and then "ok package time".
	targets=$(cd "$module" && go test -vet=off -list '^Fuzz' ./... | awk '
		/^Fuzz/ { names[++n] = $1 }
		/^ok/   { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }')
	while read -r package target; do
		echo "== $package $target"
		(cd "$module" && go test -vet=off -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$package")
	done < <(grep . <<<"$targets")
done
