#!/usr/bin/env bash
# Makes the Python environment of the interop tests and golden generators: TensorFlow 2.15 and OpenCV, nothing else of Python's.
#
#   tests/interop/setup.sh                                  # into build/interop/venv
#   TARN_INTEROP_VENV=/some/where tests/interop/setup.sh    # elsewhere
#   TARN_PYTHON=/usr/bin/python3.11 tests/interop/setup.sh  # with this interpreter
#
# Does nothing when the environment is complete. Exit 0: ready; 77: the package index can't be reached (ctest's "skipped"); 1: broken.
set -euo pipefail

kRepository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
readonly kRepository
readonly kVenv="${TARN_INTEROP_VENV:-${kRepository}/build/interop/venv}"
readonly kSkip=77
# TensorFlow 2.15 is the last release with Keras 2 and needs NumPy 1.x; TensorBoard comes with it. OpenCV 4.11 is the last that takes NumPy 1.x.
readonly kRequirements=(tensorflow-cpu==2.15.1 'numpy>=1.26,<1.27' opencv-python-headless==4.11.0.86)
readonly kStamp="${kVenv}/.tarn-interop"
readonly kLog="${kVenv}/pip.log"

say() { printf 'interop: %s\n' "$*" >&2; }

stamp_text() { printf '%s\n' "${kRequirements[@]}"; }

# Exit 0 when interpreter $1 is one that TensorFlow 2.15 has wheels for and can make a venv with pip.
can_host_tensorflow() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 9) <= sys.version_info < (3, 12))' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in ${TARN_PYTHON:+"${TARN_PYTHON}"} /usr/bin/python3 python3.11 python3.10 python3.9 python3; do
    if command -v "${candidate}" >/dev/null && can_host_tensorflow "${candidate}"; then
      command -v "${candidate}"
      return
    fi
  done
  return 1
}

# pip asks the index for one small package without installing it: tells a missing network from a broken requirement.
index_answers() {
  "${kVenv}/bin/python" -m pip --disable-pip-version-check --retries 1 --timeout 15 download --quiet --no-deps \
    --dest "${kVenv}/probe" six >"${kVenv}/probe.log" 2>&1
}

if [[ -f "${kStamp}" ]] && [[ "$(cat "${kStamp}")" == "$(stamp_text)" ]] && [[ -x "${kVenv}/bin/python" ]]; then
  say "ready at ${kVenv}"
  exit 0
fi

if [[ -d "${kVenv}" ]] && [[ ! -f "${kVenv}/pyvenv.cfg" ]] && [[ -n "$(ls -A "${kVenv}")" ]]; then
  say "${kVenv} is a folder of something else: it is left alone. Name another with TARN_INTEROP_VENV"
  exit 1
fi
if ! python="$(find_python)"; then
  say "no Python >= 3.9, < 3.12 with venv found; on Debian: apt-get install python3-venv"
  exit 1
fi

say "making ${kVenv} with ${python} ($("${python}" --version 2>&1))"
mkdir -p "${kVenv}"
"${python}" -m venv --clear "${kVenv}"

if ! index_answers; then
  say "skipped: the Python package index can't be reached ($(tail -n 1 "${kVenv}/probe.log"))"
  rm -rf "${kVenv}"
  exit "${kSkip}"
fi
rm -rf "${kVenv}/probe" "${kVenv}/probe.log"

say "installing ${kRequirements[*]} (about 500 MB once unpacked)"
if ! "${kVenv}/bin/python" -m pip --disable-pip-version-check --no-input install --quiet --only-binary :all: \
  "${kRequirements[@]}" >"${kLog}" 2>&1; then
  tail -n 20 "${kLog}" >&2
  say "pip failed; the whole log is ${kLog}"
  exit 1
fi
if ! TF_CPP_MIN_LOG_LEVEL=3 "${kVenv}/bin/python" -c 'import cv2, numpy, tensorflow as tf
print("interop: TensorFlow", tf.__version__, "OpenCV", cv2.__version__, "NumPy", numpy.__version__)' >"${kLog}" 2>&1; then
  tail -n 20 "${kLog}" >&2
  say "TensorFlow or OpenCV was installed but does not import"
  exit 1
fi
tail -n 1 "${kLog}" >&2
stamp_text >"${kStamp}"
say "ready at ${kVenv}"
