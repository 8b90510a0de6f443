#!/usr/bin/env bash
# Installs what the tests start, on Debian: PostgreSQL, PgBouncer, Redis, MariaDB,
# ClickHouse and ZooKeeper, and the browser Chromium. It does nothing, at once, if their
# programs are there.
#
# The tests run servers of their own, on free ports, so the services that come
# with the packages must not start.
set -euo pipefail

lock=${TMPDIR:-/tmp}/kymo-servers.lock
policy=/usr/sbin/policy-rc.d

has() { command -v "$1" >/dev/null || [[ -x /usr/sbin/$1 ]]; }

missing() { # prints the packages to install
	compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || echo postgresql
	has pgbouncer || echo pgbouncer
	{ has redis-server && has redis-cli; } || echo redis-server
	# The service is in another package than the program; only the program is needed.
	{ has mariadbd && has mariadb-install-db; } || echo mariadb-server-core
	has clickhouse-server || echo clickhouse-server
	has clickhouse-client || echo clickhouse-client
	has chromium || echo chromium
	{ has java && [[ -e /usr/share/java/zookeeper.jar ]]; } || echo zookeeper
}

# Packages ask this file before they start a service; 101 is no.
forbid_services() {
	if [[ -x $policy ]]; then
		local answer=0
		"$policy" any start >/dev/null 2>&1 || answer=$?
		((answer == 101)) && return
	fi
	if [[ -e $policy ]]; then
		mv "$policy" "$policy.kymo"
	fi
	trap restore_services EXIT
	printf '#!/bin/sh\n# Until tools/servers.sh is done.\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

restore_services() {
	rm -f "$policy"
	if [[ -e $policy.kymo ]]; then
		mv "$policy.kymo" "$policy"
	fi
}

install() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
		-o DPkg::Lock::Timeout=300 "$@"
}

update() { apt-get update -q -o DPkg::Lock::Timeout=300; }

mapfile -t packages < <(missing)
if ((${#packages[@]} == 0)); then
	exit 0
fi
if ! has apt-get; then
	echo "servers: install what Debian calls ${packages[*]}" >&2
	exit 1
fi
if ((EUID != 0)); then
	echo "servers: run as root: apt-get install --no-install-recommends ${packages[*]}" >&2
	exit 1
fi

exec 9>"$lock"
flock 9
mapfile -t packages < <(missing) # another run may have had the lock
if ((${#packages[@]} == 0)); then
	exit 0
fi
if [[ -e $policy.kymo ]]; then
	restore_services # a run before was killed
fi
forbid_services
# The lists may be absent or name versions that are gone: a second update helps
# where a mirror was in the middle of its own.
if ! { update && install "${packages[@]}"; }; then
	update
	install "${packages[@]}"
fi

mapfile -t packages < <(missing)
if ((${#packages[@]} != 0)); then
	echo "servers: installed, but their programs are not there: ${packages[*]}" >&2
	exit 1
fi
