#!/usr/bin/env bash
# Uses Tarn as other projects do: from a tree that `cmake --install` made, away from the source. ctest calls it.
#
#   tests/install/run_test.sh STEP BUILD_DIR       with STEP one of the functions below
#
# `tree` comes first, then `make_model`, whose model the others run. Exit 77: skipped, and it says why.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source_dir="$(cd "${here}/../.." && pwd)"
build="$(cd "$2" && pwd)"
work="${build}/install_test"
first="${work}/first" prefix="${work}/moved"
model="${work}/model.pb"
cmake="${CMAKE_COMMAND:-cmake}"
cc="${CC:-cc}" cxx="${CXX:-c++}"

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

libdir() {
  dirname "$(find "${prefix}" -name libtarn_engine.a)"
}

pkg_config() {
  PKG_CONFIG_PATH="$(libdir)/pkgconfig" pkg-config "$@"
}

# The program given, on the model: what it says must be what the first that ran it said.
says_the_same() {
  local said
  said="$("$@" "${model}")" || fail "$* ${model}"
  [[ "${said}" =~ ^0\.[0-9]{6}$ ]] || fail "$1 printed '${said}'"
  if [[ ! -f "${work}/said" ]]; then echo "${said}" >"${work}/said"; fi
  [[ "${said}" == "$(cat "${work}/said")" ]] || fail "$1 printed ${said}, others $(cat "${work}/said")"
  echo "$(basename "$1"): ${said}"
}

# A tree that is installed, then moved: nothing in it may know where it was made.
tree() {
  rm -rf "${work}"
  local component
  for component in engine graph tools examples; do
    "${cmake}" --install "${build}" --prefix "${first}" --component "${component}" >/dev/null
  done
  mv "${first}" "${prefix}"
  if grep -rIl -e "${build}" -e "${source_dir}" "${prefix}"; then fail "these files know the tree they were built in"; fi
  [[ "$("${prefix}/bin/model_info" --help)" == *--model* ]] || fail "the installed model_info does not run"
  find "${prefix}" -maxdepth 3 | sort
}

make_model() {
  "${cmake}" -S "${here}/consumer/cxx" -B "${work}/cxx" -DCMAKE_PREFIX_PATH="${prefix}" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_COMPILER="${cxx}" -DCMAKE_C_COMPILER="${cc}"
  "${cmake}" --build "${work}/cxx"
  "${work}/cxx/make_model" "${model}" "${work}/with_op.pb"
  says_the_same "${work}/cxx/run_in_cxx"
}

cmake_in_c() {
  "${cmake}" -S "${here}/consumer/c" -B "${work}/c" -DCMAKE_PREFIX_PATH="${prefix}" -DCMAKE_C_COMPILER="${cc}"
  "${cmake}" --build "${work}/c"
  says_the_same "${work}/c/run_static"
  says_the_same "${work}/c/run_shared"
  # (Not through a pipe into grep -q, which leaves as soon as it has found: the writer's SIGPIPE would be a failure.)
  [[ "$(ldd "${work}/c/run_shared")" == *libtarn_engine.so.0* ]] || fail "run_shared does not use the shared library"
  [[ "$(ldd "${work}/c/run_static")" != *libtarn* ]] || fail "run_static uses a shared library of ours"
}

plain_cc() {
  local app="${here}/consumer/c/run_in_c.c"
  # shellcheck disable=SC2046
  "${cc}" -std=c99 -Wall -Wextra -Werror "${app}" -o "${work}/plain_shared" $(pkg_config --cflags --libs tarn_engine)
  LD_LIBRARY_PATH="$(libdir)" says_the_same "${work}/plain_shared"
  # shellcheck disable=SC2046
  "${cc}" -static "${app}" -o "${work}/plain_static" $(pkg_config --static --cflags --libs tarn_engine)
  says_the_same "${work}/plain_static"
  # shellcheck disable=SC2046
  "${cxx}" -std=c++20 "${here}/consumer/cxx/make_model.cc" -o "${work}/plain_make_model" $(pkg_config --cflags --libs tarn)
  "${work}/plain_make_model" "${work}/again.pb" "${work}/with_op_again.pb"
  cmp "${model}" "${work}/again.pb" || fail "the same program made another model"
}

# Every installed header includes what it needs, from the installed tree alone.
headers() {
  local include="${prefix}/include/tarn" header list="${work}/headers.cc"
  : >"${list}"
  (cd "${include}" && find . -name '*.h' | sort) | while read -r header; do
    header="${header#./}"
    case "${header}" in
      *_internal.h | */dnnl/*) ;;
      *) echo "#include \"${header}\"" >>"${list}" ;;
    esac
  done
  "${cxx}" -std=c++20 -fsyntax-only -I"${include}" "${list}"
  echo '#include "runtime/c_api.h"' | "${cc}" -std=c99 -pedantic-errors -Wall -Wextra -Werror -fsyntax-only -x c -I"${include}" -
}

# The shared library exports what runtime/c_api.h declares and nothing else; what was once there stays.
exports() {
  local library
  library="$(libdir)/libtarn_engine.so.0"
  nm -D --defined-only "${library}" | awk '{print $3}' | sort >"${work}/exported"
  "${cc}" -E "${source_dir}/runtime/c_api.h" | tr '\n' ' ' | grep -oE '[[:space:]*]tarn_[a-z0-9_]+\(' | tr -d ' *(' | sort -u >"${work}/declared"
  diff "${work}/declared" "${work}/exported" || fail "declared (<) and exported (>) functions differ"
  diff "${here}/c_api_functions.txt" "${work}/exported" | grep '^<' && fail "these functions were in the library once"
  diff "${here}/c_api_functions.txt" "${work}/exported" >/dev/null || fail "functions were added: add them to ${here}/c_api_functions.txt"
  if ldd "${library}" | grep -E 'protobuf|boost|gflags|leveldb|png|jpeg|re2'; then fail "the engine links these"; fi
}

example_in_c() {
  # shellcheck disable=SC2046
  "${cc}" -std=c99 -Wall -Wextra -Werror "${source_dir}/examples/c/run_model.c" -o "${work}/run_model" \
    $(pkg_config --cflags --libs tarn_engine)
  local said
  said="$(LD_LIBRARY_PATH="$(libdir)" "${work}/run_model" "${model}" 1 0 0 0)"
  [[ "${said}" =~ ^output_node:\ [0-9.e-]+\ ([0-9.]+)$ ]] || fail "run_model printed '${said}'"
  awk -v a="${BASH_REMATCH[1]}" -v b="$(cat "${work}/said")" 'BEGIN { exit !(a - b < 1e-5 && b - a < 1e-5) }' ||
    fail "run_model printed '${said}', others $(cat "${work}/said")"
  if LD_LIBRARY_PATH="$(libdir)" "${work}/run_model" "${work}/missing.pb" 2>"${work}/err"; then fail "a missing model is no error"; fi
  grep -q "missing.pb" "${work}/err" || fail "the error does not name the file: $(cat "${work}/err")"
  # A model that it cannot feed.
  printf '%s\n' 'n: i32[2] = Placeholder' 'm = Abs(n)' >"${work}/ints.txt"
  "${prefix}/bin/convert_graph" --input="${work}/ints.txt" --output="${work}/ints.pb" >/dev/null
  if LD_LIBRARY_PATH="$(libdir)" "${work}/run_model" "${work}/ints.pb" 2>"${work}/err"; then fail "ints were fed as floats"; fi
  [[ "$(cat "${work}/err")" == "run_model: this program feeds floats alone" ]] || fail "the error is '$(cat "${work}/err")'"
}

# The program that docs/c_api.md shows.
example_in_docs() {
  awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "${source_dir}/docs/c_api.md" >"${work}/custom_op.c"
  # shellcheck disable=SC2046
  "${cc}" -std=c99 -Wall -Wextra -Werror "${work}/custom_op.c" -o "${work}/custom_op" $(pkg_config --cflags --libs tarn_engine)
  local said
  said="$(LD_LIBRARY_PATH="$(libdir)" "${work}/custom_op" "${work}/with_op.pb")"
  [[ "${said}" == "-1 0 0.5 0.5 after 1 run" ]] || fail "the program of docs/c_api.md printed '${said}'"
}

example_in_python() {
  local python found=""
  for python in "${PYTHON:-python3}" /usr/bin/python3; do
    if "${python}" -c "import numpy" 2>/dev/null; then found="${python}" && break; fi
  done
  if [[ -z "${found}" ]]; then
    echo "skipped: no Python with NumPy here (Debian: python3-numpy)"
    exit 77
  fi
  TARN_ENGINE_LIBRARY="$(libdir)/libtarn_engine.so.0" PYTHONDONTWRITEBYTECODE=1 "${found}" "${here}/use_ctypes.py" \
    "${source_dir}/examples/ctypes" "${model}" "$(cat "${work}/said")"
}

"$1"
