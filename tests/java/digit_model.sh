#!/usr/bin/env bash
# Trains, freezes and optimizes the digit classifier that the Java and Android tests run: build/java/digits.pb, with 8-bit
# weights. Does nothing when it is there. Exit 77 without TARN_DATA/mnist.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_java.sh"

[[ -f "${kJavaDir}/digits.pb" ]] && exit 0
[[ -d "${TARN_DATA:-/nowhere}/mnist" ]] || skip "TARN_DATA/mnist is not there to train on"
work="$(new_folder digit_model)"
"${kBinDir}/keras_cnn" --batch_norm --epochs=4 --seed=1 --data_dir="${TARN_DATA}/mnist" --out_dir="${work}" >"${work}/log" 2>&1
"${kBinDir}/freeze_graph" --input_graph="${work}/graph.pbtxt" --input_checkpoint="${work}" \
  --output_node_names=output_node --output_graph="${work}/frozen.pb" >>"${work}/log"
printf '%s\n' 0 1 2 3 4 5 6 7 8 9 >"${work}/labels.txt"
"${kBinDir}/optimize_for_mobile" --input="${work}/frozen.pb" --output="${work}/optimized.pb" --quantize=weights8 \
  --labels="${work}/labels.txt" >>"${work}/log"
mv "${work}/optimized.pb" "${kJavaDir}/digits.pb"
