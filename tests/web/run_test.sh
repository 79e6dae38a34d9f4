#!/usr/bin/env bash
# Runs one test of the web page or its module; ctest calls it after setup.sh. Exit 77 (skipped) when something it needs is
# not there, saying what.
#
#   tests/web/run_test.sh page      # the page in headless Chromium
#   tests/web/run_test.sh module    # the module in Node
#   tests/web/run_test.sh types     # the module's types with TypeScript, and npm pack
#   TARN_WEB_PICTURES=docs/pictures tests/web/run_test.sh page    # and makes the pictures of the documents
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
repository="$(cd "${here}/../.." && pwd)"
export TARN_WEB_BUILD="${TARN_WEB_BUILD:-${repository}/build/web}"
export TARN_WEB_PAGE="${TARN_WEB_BUILD}/page"
export TARN_BIN_DIR="${TARN_BIN_DIR:-${repository}/build/release/bin}"
skip() {
  echo "skipped: $*"
  exit 77
}

command -v node >/dev/null || skip "node is not there (Debian: nodejs; tests/web/setup.sh --install)"
[[ -f "${TARN_WEB_PAGE}/service_worker.js" ]] || skip "there is no page at ${TARN_WEB_PAGE}; tests/web/setup.sh makes it"

case "${1:-}" in
  page)
    [[ -z "${TARN_WEB_PICTURES:-}" ]] || export TARN_WEB_PICTURES="$(realpath -m "${TARN_WEB_PICTURES}")"
    [[ -n "${TARN_CHROMIUM:-}" || -x /usr/bin/chromium ]] || skip "Chromium is not there (Debian: chromium; tests/web/setup.sh --install)"
    exec node --test --test-reporter=spec "${here}/page_test.js" </dev/null
    ;;
  module)
    export TARN_WEB_PACKAGE="${TARN_WEB_BUILD}/npm_package"
    "${repository}/runtime/wasm/make_package.sh" --engine="${TARN_WEB_PAGE}" --out="${TARN_WEB_PACKAGE}"
    exec node --test --test-reporter=spec "${here}/module_test.js" </dev/null
    ;;
  types)
    command -v npm >/dev/null || skip "npm is not there (Debian: npm; tests/web/setup.sh --install)"
    build="${TARN_WEB_BUILD}/types"
    mkdir -p "${build}"
    cp "${here}/package.json" "${here}/package-lock.json" "${here}/types_example.ts" "${build}"
    cd "${build}"
    if ! npm ping --fetch-retries=0 --fetch-timeout=15000 >npm.log 2>&1 && [[ ! -x node_modules/.bin/tsc ]]; then
      skip "the npm registry can't be reached ($(tail -n 1 npm.log))"
    fi
    [[ -x node_modules/.bin/tsc ]] || npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1 || { tail -n 20 npm.log >&2; exit 1; }
    # The package as it would be published, installed as an app would.
    rm -rf package node_modules/@tarn
    "${repository}/runtime/wasm/make_package.sh" --engine="${TARN_WEB_PAGE}" --out="${build}/package"
    archive="$(npm pack --silent "${build}/package" 2>npm.log | tail -n 1)"
    mkdir -p node_modules/@tarn/engine
    tar -xzf "${archive}" -C node_modules/@tarn/engine --strip-components=1
    for file in tarn.js tarn.d.ts tarn.wasm tarn-simd.wasm package.json README.md LICENSE; do
      [[ -s "node_modules/@tarn/engine/${file}" ]] || { echo "the package lacks ${file}" >&2; exit 1; }
    done
    node_modules/.bin/tsc --strict --noEmit --target es2022 --module nodenext --moduleResolution nodenext --lib es2022,dom types_example.ts
    cat >use.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { load } from '@tarn/engine';
const model = await load(readFileSync(process.argv[2]));
const { output_node } = model.run({ input_node: new Float32Array(784) });
if (output_node.data.length !== 10 || !model.selfTest()) throw new Error('the package does not run the network');
JS
    node use.mjs "${TARN_WEB_PAGE}/digits.pb"
    echo "$(wc -c <"${archive}") bytes: ${archive}"
    ;;
  *)
    echo "run_test.sh: page, module or types, not '${1:-}'" >&2
    exit 2
    ;;
esac
