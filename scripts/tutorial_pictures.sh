#!/usr/bin/env bash
# Makes the pictures of docs/tutorial.md and README.md, docs/pictures/*, with the tools of a build.
#
#   scripts/tutorial_pictures.sh [BIN_DIR]       # default build/release/bin; needs MNIST in $TARN_DATA/mnist, Graphviz
#
#   page.png        a page of made-up handwriting (draw_page.py), which the tutorial reads
#   page_read.png   what recognize_digits reads there;  page_seen.png  what the network sees of it
#   curve.svg       loss and accuracy of the tutorial's training
#   graph.svg       the network that it deploys
#   memory.svg      its memory plan, out of the report of optimize_for_mobile
#   memory_mobilenet.svg   that of MobileNet v1 (0.25, 128 x 128), from $TARN_DATA/models
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
bin="$(cd "${1:-${repository}/build/release/bin}" && pwd)"
pictures="${repository}/docs/pictures"
readonly repository bin pictures
readonly kMostBytes=$((60 * 1024))
for needed in keras_cnn freeze_graph optimize_for_mobile recognize_digits convert_graph draw_digits; do
  [[ -x "${bin}/${needed}" ]] || { echo "tutorial_pictures: there is no ${bin}/${needed}; build it" >&2 && exit 1; }
done
command -v dot >/dev/null || { echo "tutorial_pictures: Graphviz is not there (Debian: graphviz)" >&2 && exit 1; }
[[ -d "${TARN_DATA:-}/mnist" ]] || { echo "tutorial_pictures: TARN_DATA has no mnist/; the curve is of MNIST" >&2 && exit 1; }

work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT
mkdir -p "${pictures}"
cd "${work}"

# The commands of the tutorial.
"${bin}/keras_cnn" --batch_norm --steps=500 --batch=32 --out_dir=cnn
"${bin}/freeze_graph" --input_graph=cnn/graph.pbtxt --input_checkpoint=cnn --output_node_names=output_node --output_graph=frozen.pb
seq 0 9 >labels.txt
"${bin}/optimize_for_mobile" --input=frozen.pb --output=digits.pb --labels=labels.txt --mean=0 --std=255 --quantize=weights8 --report=report.html
"${bin}/draw_digits" --train=1 --test=500 --out_dir=drawn
"${repository}/scripts/draw_page.py" drawn "${pictures}/page.png" 31415926 27182818
"${bin}/recognize_digits" --image="${pictures}/page.png" --graph=digits.pb --output="${pictures}/page_read.png" --sheet="${pictures}/page_seen.png"

cp cnn/curve.svg "${pictures}/curve.svg"
"${bin}/convert_graph" --input=digits.pb --output="${pictures}/graph.svg"
# The last memory plan of a report, that of the optimized graph, with the report's own style.
memory_plan() {
  awk '/<style>/ { style = $0; while ($0 !~ /<\/style>/ && (getline > 0)) style = style "\n" $0 }
       /<svg class="memory"/ { plan = ""; inside = 1 }
       inside { plan = plan $0 "\n" }
       inside && /<\/svg>/ { inside = 0 }
       END { sub(/<svg class="memory"/, "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" class=\"memory\"", plan)
             at = index(plan, ">"); printf "%s\n%s%s", substr(plan, 1, at), style, substr(plan, at + 1) }' "$1"
}
memory_plan report.html >"${pictures}/memory.svg"
"${bin}/optimize_for_mobile" --input="${TARN_DATA}/models/mobilenet_v1_025_128/graph.pb" --output=mobilenet.pb --report=mobilenet.html >mobilenet.txt
memory_plan mobilenet.html >"${pictures}/memory_mobilenet.svg"

for picture in "${pictures}"/*; do
  bytes="$(stat -c %s "${picture}")"
  echo "${picture#"${repository}/"}: ${bytes} bytes"
  ((bytes <= kMostBytes)) || { echo "tutorial_pictures: that is more than ${kMostBytes}" >&2 && exit 1; }
done
