#!/usr/bin/env bash
# Makes the npm package: npm/ with the engine's two builds, to be packed or published with npm.
#
#   runtime/wasm/make_package.sh                                  # out/npm, with every op
#   runtime/wasm/make_package.sh --ops_from="a.pb;b.pb"           # with the ops of these models alone
#   runtime/wasm/make_package.sh --engine=DIR                     # with the .wasm files that are in DIR
#   npm pack ./out/npm
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
out="${repository}/out/npm"
engine=
ops_from=
for argument in "$@"; do
  case "${argument}" in
    --out=?*) out="$(realpath -m "${argument#*=}")" ;;
    --engine=?*) engine="$(realpath "${argument#*=}")" ;;
    --ops_from=?*) ops_from="${argument#*=}" ;;
    *)
      echo "make_package: unknown argument '${argument}'" >&2
      exit 2
      ;;
  esac
done
mkdir -p "${out}"
if [[ -z "${engine}" ]]; then
  engine="${repository}/build/web/npm_engine"
  mkdir -p "${engine}"
  cd "${repository}"
  for preset in wasm wasm-simd; do
    cmake --preset "${preset}" -B "build/web/${preset}-npm" -DTARN_OPS_FROM="${ops_from}" --log-level=WARNING >/dev/null
    cmake --build "build/web/${preset}-npm" --target tarn_wasm
    cp "build/web/${preset}-npm/bin/"*.wasm "${engine}"
  done
fi
cp "${repository}/runtime/wasm/npm/"* "${repository}/LICENSE" "${engine}/tarn.wasm" "${engine}/tarn-simd.wasm" "${out}"
