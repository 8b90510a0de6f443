#!/usr/bin/env bash
# Checks the probe of model servers with MLServer, which others wrote: installs
# it in build/interop, trains a small model, and runs the test that starts, asks
# and stops it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3.11}
sources=hub/internal/probe/testdata/interop
work=$PWD/build/interop

# The installation is kept until what is to be installed changes.
if ! cmp -s "$sources/requirements.txt" "$work/installed.txt"; then
	rm -rf "$work"
	mkdir -p "$work"
	"$python" -m venv "$work/venv"
	"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$sources/requirements.txt"
	cp "$sources/requirements.txt" "$work/installed.txt"
fi
rm -rf "$work/models"
"$work/venv/bin/python" "$sources/models.py" "$work/models"

KYMO_INTEROP_MLSERVER=$work/venv/bin/mlserver KYMO_INTEROP_MODELS=$work/models \
	go -C hub test -count=1 -v -tags interop -run '^TestInterop' ./internal/probe
