#!/usr/bin/env bash
# Builds the dashboard into hub/internal/web/dist, where the next build of the
# hub takes it from. With "if-missing" it builds only what was not built yet, and
# on a machine without Node.js it prints what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../hub/web"

if [[ ${1:-} == if-missing ]]; then
	if [[ -e ../internal/web/dist/index.html ]]; then
		exit 0
	fi
	if ! command -v npm >/dev/null; then
		echo 'Node.js is not installed, so the hub is built without its dashboard.' >&2
		exit 0
	fi
	echo 'Building the dashboard, once…' >&2
fi
../../tools/npm.sh .
npm run --silent build -- --logLevel warn >/dev/null
