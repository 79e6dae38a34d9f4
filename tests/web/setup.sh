#!/usr/bin/env bash
# Makes the web page that the tests open, in build/web/page: trains the network that reads digits, builds the engine as
# WebAssembly. Slow once, then nothing unless something changed.
#
#   tests/web/setup.sh                                     # with TARN_BIN_DIR and TARN_DATA set, as ctest has them
#   TARN_WEB_MODEL=out/optimized.pb tests/web/setup.sh     # a network that is there already
#   TARN_WEB_ENGINE=DIR TARN_WEB_PHOTO_ENGINE=DIR …        # engines (tarn.wasm, tarn-simd.wasm) that are there already
#   tests/web/setup.sh --install                           # installs emscripten, Chromium, Node and npm first
#
# Exit 0: ready; 77: something it needs is not there (ctest's "skipped"), and what; 1: broken.
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
build="${TARN_WEB_BUILD:-${repository}/build/web}"
bin="${TARN_BIN_DIR:-${repository}/build/release/bin}"
skip() {
  echo "skipped: $*"
  exit 77
}

if [[ "${1:-}" == --install ]]; then
  source "${repository}/scripts/packages.sh"
  install_packages "${kWebPackages[@]}"
elif (($# > 0)); then
  echo "setup.sh: --install or nothing, not '$1'" >&2
  exit 2
fi
command -v emcc >/dev/null || skip "emscripten is not there (Debian: emscripten; tests/web/setup.sh --install)"
mkdir -p "${build}/digits"
model="${build}/digits/optimized.pb"
if [[ -n "${TARN_WEB_MODEL:-}" ]]; then
  model="${TARN_WEB_MODEL}"
elif [[ ! -s "${model}" ]]; then
  [[ -d "${TARN_DATA:-}/mnist" ]] || skip "TARN_DATA is not set: no MNIST to train the network on (or name one with TARN_WEB_MODEL)"
  echo "training the network that reads digits"
  "${bin}/keras_cnn" --batch_norm --batch=64 --epochs=1 --seed=1 --out_dir="${build}/digits" --data_dir="${TARN_DATA}/mnist" >/dev/null
  "${bin}/freeze_graph" --input_graph="${build}/digits/graph.pbtxt" --input_checkpoint="${build}/digits" \
    --output_node_names=output_node --output_graph="${build}/digits/frozen.pb" >/dev/null
  "${bin}/optimize_for_mobile" --input="${build}/digits/frozen.pb" --input_names=input_node --output_names=output_node \
    --output="${model}" >/dev/null
fi
small="${build}/digits/weights8.pb"
if [[ ! -s "${small}" || "${model}" -nt "${small}" ]]; then
  frozen="$(dirname "${model}")/frozen.pb"
  [[ -s "${frozen}" ]] || frozen="${model}"
  "${bin}/optimize_for_mobile" --input="${frozen}" --input_names=input_node --output_names=output_node --quantize=weights8 \
    --output="${small}" >/dev/null
fi
page=(--digits="${small}")
photos="${build}/digits/photos.pb"
mobilenet="${TARN_DATA:-}/models/mobilenet_v1_025_128/graph.pb"
if [[ -s "${mobilenet}" ]]; then
  [[ -s "${photos}" ]] || "${bin}/optimize_for_mobile" --input="${mobilenet}" --labels="${TARN_DATA}/images/imagenet_slim_labels.txt" \
    --mean=127.5 --std=127.5 --output="${photos}" >/dev/null
  # Strings go in and out of a network that has the ops for it.
  printf '%s\n' 'names: string[?] = Placeholder' 'greeting: string[] = Placeholder' \
    'sentences: string[?] = StringJoin(greeting, names) {separator=", "}' >"${build}/digits/strings.txt"
  "${bin}/convert_graph" --input="${build}/digits/strings.txt" --output="${build}/digits/strings.pb" >/dev/null
  page+=(--photos="${photos}" --photo_ops "${build}/digits/strings.pb")
else
  echo "no photos: there is no ${mobilenet#/}"
  page+=(--only_digits)
fi
[[ -n "${TARN_WEB_ENGINE:-}" ]] && page+=(--engine="${TARN_WEB_ENGINE}")
[[ -n "${TARN_WEB_PHOTO_ENGINE:-}" ]] && page+=(--photo_engine="${TARN_WEB_PHOTO_ENGINE}")
"${repository}/examples/web/make_page.py" --out="${build}/page" --build="${build}" "${page[@]}"
[[ ! -s "${photos}" ]] || cp "${build}/digits/strings.pb" "${build}/page"
