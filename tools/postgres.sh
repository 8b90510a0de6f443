#!/usr/bin/env bash
# Installs versions of PostgreSQL beside Debian's, as packages of npm have them (x86-64): the
# oldest and the newest that the store is tested with, or all with the argument all.
# It does nothing, at once, if they are there. PostgreSQL refuses to run as root, so they
# are where its user can read them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/postgres"
dir=/usr/local/lib/kymo-postgresql
versions=(14 18)
omit=--omit=optional
if [[ ${1-} == all ]]; then
	versions=(14 15 16 17 18)
	omit=
fi

complete() {
	local version
	cmp -s package-lock.json "$dir/package-lock.json" || return
	for version in "${versions[@]}"; do
		[[ -e $dir/installed/pg$version ]] || return
	done
}

complete && exit 0
if ((EUID != 0)); then
	echo "postgres: run as root: $PWD/../postgres.sh ${1-}" >&2
	exit 1
fi
exec 9>"${TMPDIR:-/tmp}/kymo-postgresql.lock"
flock 9
complete && exit 0
mkdir -p "$dir"
cp package.json package-lock.json "$dir"
cd "$dir"
rm -rf installed
# Their script makes the links of shared libraries, which ldconfig can as well.
# shellcheck disable=SC2086
npm ci $omit --ignore-scripts --no-audit --no-fund --loglevel=error
for version in "${versions[@]}"; do
	/sbin/ldconfig -n "node_modules/pg$version/native/lib"
done
chmod -R a+rX .
mkdir installed
for version in "${versions[@]}"; do
	ln -s "../node_modules/pg$version/native/bin" "installed/pg$version"
done
