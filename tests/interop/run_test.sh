#!/usr/bin/env bash
# Runs one interop test with the Python that setup.sh made; ctest calls it. Exit 77 (skipped) when that is not there.
#
#   tests/interop/run_test.sh tests/interop/frozen_models.py    # with TARN_BIN_DIR set; after make_models.py
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${TARN_INTEROP_VENV:-${here}/../../build/interop/venv}"
if [[ ! -f "${venv}/.tarn-interop" ]]; then
  echo "skipped: no Python with TensorFlow at ${venv}; tests/interop/setup.sh makes it when a package index is in reach"
  exit 77
fi
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}" PYTHONDONTWRITEBYTECODE=1
# By default it depends on the processor; QuantizeV2 rounds in another way without.
export TF_ENABLE_ONEDNN_OPTS="${TF_ENABLE_ONEDNN_OPTS:-1}"
exec "${venv}/bin/python" "$@" </dev/null
