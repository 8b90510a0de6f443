#!/usr/bin/env bash
# Checks the probes of model servers with servers that others wrote: installs
# MLServer and TorchServe in build/interop, makes small models, and runs the tests
# that start, ask and stop them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3.11}
sources=hub/internal/probe/testdata/interop
work=$PWD/build/interop

# install NAME REQUIREMENTS [OPTION…] keeps an installation until what is to be installed
# changes.
install() {
	local at=$work/$1 requirements=$sources/$2
	shift 2
	if cmp -s "$requirements" "$at/installed.txt"; then
		return
	fi
	rm -rf "$at"
	mkdir -p "$work"
	"$python" -m venv "$at"
	"$at/bin/pip" install --quiet --disable-pip-version-check "$@" -r "$requirements"
	cp "$requirements" "$at/installed.txt"
}

install venv requirements.txt
rm -rf "$work/models"
"$work/venv/bin/python" "$sources/models.py" "$work/models"

install torchserve torchserve-requirements.txt --no-deps

KYMO_INTEROP_MLSERVER=$work/venv/bin/mlserver KYMO_INTEROP_MODELS=$work/models \
	KYMO_INTEROP_TORCHSERVE=$work/torchserve/bin \
	go -C hub test -count=1 -v -tags interop -run '^TestInterop' ./internal/probe
