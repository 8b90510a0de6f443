#!/usr/bin/env bash
# Installs what the package.json of a directory asks for, at the versions of its
# lock file, unless just those are installed already.
set -euo pipefail
cd "$1"
if ! cmp -s package-lock.json node_modules/.lock; then
	npm ci --no-audit --no-fund --loglevel=error
	cp package-lock.json node_modules/.lock
fi
