#!/usr/bin/env bash
# Trains the three MNIST programs with stated seeds, takes each through freeze_graph and optimize_for_mobile, and checks
# that every stage reads the 10,000 test digits as it should. bench/README.md has what it printed.
set -euo pipefail
export LC_ALL=C

kRepository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly kRepository kBin="${kRepository}/build/release/bin"

usage() {
  cat <<'TEXT'
Usage: bench/accuracy.sh [--out=DIR] [--data_dir=DIR] [--long_steps=N] [MODEL…]

  MODEL           beginners, experts, keras_cnn, keras_cnn_batch_norm; these by default (some 20 minutes on 2 cores).
                  experts_long: experts for 20,000 steps of 50 with seeds 1, 2 and 3, whose median must read 99.2 %
                  of the test digits (some 20 minutes on 2 cores)
  --long_steps=N  experts_long with other than 20,000 steps, to try it; no accuracy is asked for then
  --out=DIR       where the models go (default build/accuracy)
  --data_dir=DIR  folder with MNIST's four .gz files; by default $TARN_DATA/mnist, then data/mnist, then the network

Fails if a model reads too few digits, if the frozen graph, the session and the engine disagree on one, if the optimized
graph differs on more than one, or if weights8 is more than 0.05 points away or too large.
TEXT
}

usage_error() {
  echo "accuracy.sh: $1" >&2
  usage >&2
  exit 2
}

readonly kLongSteps=20000 kLongSeeds=(1 2 3) kLongMinAccuracy=99.2
out="${kRepository}/build/accuracy"
long_steps="${kLongSteps}"
data_dir=
models=()
for argument in "$@"; do
  case "${argument}" in
    --out=?*) out="$(realpath -m "${argument#*=}")" ;;
    --data_dir=?*) data_dir="$(realpath -m "${argument#*=}")" ;;
    --long_steps=[1-9]*) long_steps="${argument#*=}" ;;
    beginners | experts | experts_long | keras_cnn | keras_cnn_batch_norm) models+=("${argument}") ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) usage_error "unknown argument '${argument}'" ;;
  esac
done
((${#models[@]} > 0)) || models=(beginners experts keras_cnn keras_cnn_batch_norm)

cd "${kRepository}"
source scripts/packages.sh
install_packages
cmake --preset release --log-level=WARNING >/dev/null </dev/null
cmake --build --preset release -j "${TARN_JOBS:-$(nproc)}" </dev/null >/dev/null \
  --target beginners experts keras_cnn freeze_graph optimize_for_mobile quickstart_report

# measure MODEL MIN_ACCURACY MAX_WEIGHTS8_BYTES PROGRAM FLAG…: the last two as percent.
measure() {
  local model="$1" min_accuracy="$2" max_weights8_bytes="$3"
  shift 3
  local dir="${out}/${model}"
  mkdir -p "${dir}"
  echo
  echo "== ${model}: $* (at least ${min_accuracy} %)"
  local program="$1"
  shift
  local optimize=("${kBin}/optimize_for_mobile" --input="${dir}/frozen.pb" --input_names=input_node
    --output_names=output_node --verify)
  # errexit is off in a function whose failure the caller handles
  "${kBin}/${program}" "$@" --data_dir="${data_dir}" --out_dir="${dir}" &&
    "${kBin}/freeze_graph" --input_graph="${dir}/graph.pbtxt" --input_checkpoint="${dir}" \
      --output_graph="${dir}/frozen.pb" --output_node_names=output_node &&
    "${optimize[@]}" --output="${dir}/optimized.pb" &&
    "${optimize[@]}" --output="${dir}/weights8.pb" --quantize=weights8 &&
    "${kBin}/quickstart_report" --dir="${dir}" --data_dir="${data_dir}" --strict --min_accuracy="${min_accuracy}" \
      --max_weights8_bytes="${max_weights8_bytes}"
}

# Trains with each seed, side by side on a thread each: the bits are those of any number of threads, and three networks
# on one thread are done sooner than one after the other on all. The median of what they read is the result.
long_experts() {
  local seed dir training accuracy median trained=true
  local trainings=() accuracies=()
  trap 'trap - INT TERM; kill 0' INT TERM  # Ctrl-C does not reach what runs in the background
  echo
  for seed in "${kLongSeeds[@]}"; do
    dir="${out}/experts_long/seed_${seed}"
    mkdir -p "${dir}"
    echo "== experts_long: experts --steps=${long_steps} --batch=50 --learning_rate=1e-4 --seed=${seed}"
    { "${kBin}/experts" --steps="${long_steps}" --batch=50 --learning_rate=1e-4 --seed="${seed}" --threads=1 \
      --data_dir="${data_dir}" --out_dir="${dir}" 2>&1 | tee "${dir}/printed.txt" | sed -u "s/^/seed ${seed}: /"; } &
    trainings+=($!)
  done
  for training in "${trainings[@]}"; do wait "${training}" || trained=false; done
  "${trained}" || return 1
  for seed in "${kLongSeeds[@]}"; do
    # Synthetic digits are noted behind the percentage: they do not count.
    accuracy="$(sed -nE 's/^accuracy on the 10000 test digits: ([0-9.]+) %$/\1/p' "${out}/experts_long/seed_${seed}/printed.txt")"
    if [[ -z "${accuracy}" ]]; then
      echo "accuracy.sh: experts_long: these are not MNIST's 10,000 test digits" >&2
      return 1
    fi
    accuracies+=("${accuracy}")
  done
  median="$(printf '%s\n' "${accuracies[@]}" | sort -g | sed -n "$(((${#accuracies[@]} + 1) / 2))p")"
  echo "experts_long: median ${median} % of ${accuracies[*]} (seeds ${kLongSeeds[*]}, ${long_steps} steps)"
  ((long_steps != kLongSteps)) || awk -v got="${median}" -v least="${kLongMinAccuracy}" 'BEGIN { exit !(got >= least) }'
}

failed=()
for model in "${models[@]}"; do
  if [[ "${model}" == experts_long ]]; then
    long_experts || failed+=("${model}")
    continue
  fi
  case "${model}" in
    # Of this file's 32 kB, 0.6 are names of nodes and attributes, which no quantization makes smaller.
    beginners) flags=(91.5 27 beginners --steps=1000 --batch=100 --seed=3) ;;
    experts) flags=(97 26 experts --steps=2000 --batch=50 --learning_rate=1e-4 --seed=1) ;;
    keras_cnn) flags=(99.1 26 keras_cnn --epochs=12 --seed=1) ;;
    keras_cnn_batch_norm) flags=(99.1 26 keras_cnn --batch_norm --epochs=12 --seed=1) ;;
  esac
  measure "${model}" "${flags[@]}" || failed+=("${model}")
done
echo
if ((${#failed[@]} > 0)); then
  echo "accuracy.sh: not as it should be: ${failed[*]}" >&2
  exit 1
fi
echo "accuracy.sh: every model and stage is as it should be"
