#!/usr/bin/env bash
# The digit network in the browser: Tarn beside TensorFlow.js' WebAssembly backend, in turns. Needs what tests/web/setup.sh
# needs, Chromium and npm.
#
#   bench/web/run.sh
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
repository="$(cd "${here}/../.." && pwd)"
export TARN_WEB_BUILD="${TARN_WEB_BUILD:-${repository}/build/web}"
export TARN_BIN_DIR="${TARN_BIN_DIR:-${repository}/build/release/bin}"
export TARN_WEB_MODEL="${TARN_WEB_MODEL:-${TARN_WEB_BUILD}/digits/optimized.pb}"
export TARN_WEB_PAGE="${TARN_WEB_BUILD}/page"
"${repository}/tests/web/setup.sh" >&2
mkdir -p "${TARN_WEB_BUILD}/npm"
cp "${here}/package.json" "${here}/package-lock.json" "${TARN_WEB_BUILD}/npm"
(cd "${TARN_WEB_BUILD}/npm" && [[ -d node_modules/@tensorflow/tfjs-backend-wasm ]] || npm ci --ignore-scripts --no-audit --no-fund >&2)
exec node "${here}/tfjs_bench.js"
