#!/usr/bin/env bash
# Makes the web page that the tests open, in build/web/page: trains the network that reads digits, builds the engine as
# WebAssembly. Slow once, then nothing unless something changed.
#
#   tests/web/setup.sh                                     # with TARN_BIN_DIR and TARN_DATA set, as ctest has them
#   TARN_WEB_MODEL=out/optimized.pb tests/web/setup.sh     # a network that is there already
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

command -v emcc >/dev/null || skip "emscripten is not there; on Debian: apt-get install emscripten"
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
engine=()
[[ -n "${TARN_WEB_ENGINE:-}" ]] && engine=(--engine="${TARN_WEB_ENGINE}")
"${repository}/examples/web/make_page.py" --only_digits --digits="${small}" --out="${build}/page" --build="${build}" ${engine[@]+"${engine[@]}"}
