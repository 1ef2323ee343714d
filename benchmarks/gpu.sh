#!/bin/sh
# The report's recipe on a MURA-sized set, both networks, mixed precision and stored features, on this machine's GPU:
# some 10 minutes. `benchmarks/gpu.sh --train 64 --validation 32 --epochs 2` tries it anywhere.
set -e
cd "$(dirname "$0")/.."
exec "${PYTHON:-.venv/bin/python}" -m benchmarks.gpu "$@"
