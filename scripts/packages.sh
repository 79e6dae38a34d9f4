# shellcheck shell=bash
# The Debian packages Tarn is built from, in one list; docs/dependencies.md says why each is there. Sourced, not run:
#
#   source scripts/packages.sh
#   install_packages            # what is missing, as root or through sudo; says what it installs
#   install_packages "${kCrossTools[@]}"       # of these too

readonly kPackages=(
  # compiler and build
  g++ cmake ninja-build ccache ca-certificates curl
  # graph/, tools and examples
  protobuf-compiler libprotobuf-dev libleveldb-dev libsnappy-dev libgflags-dev libboost-dev libpng-dev libjpeg62-turbo-dev zlib1g-dev
  # tools: sheets of digits, sound
  libleptonica-dev libsamplerate0-dev
  # ops/ and runtime/
  libeigen3-dev libre2-dev pkg-config
  # faster kernels for sessions, measured beside ours; benchmarks
  libdnnl-dev ocl-icd-opencl-dev libbenchmark-dev
  # tests and pictures
  libgtest-dev libgmock-dev nlohmann-json3-dev python3 python3-numpy python3-venv graphviz
)

# For tests/java/setup.sh (./run_tests --with=java) alone: the tests of the Java API and the Android app.
readonly kJavaPackages=(default-jdk-headless junit4 maven aapt zipalign apksigner dexdump zip unzip)

# For tests/web/setup.sh --install (./run_tests --with=web) alone: the engine as WebAssembly, its page and its package.
readonly kWebPackages=(emscripten chromium nodejs npm)

# For ./run_tests --preset=aarch64 alone: compiler and emulator, and what is linked, of that architecture
# (scripts/cross_sysroot.sh).
readonly kCrossTools=(g++-aarch64-linux-gnu qemu-user)
readonly kCrossPackages=(
  libc6-dev libstdc++6 libgcc-s1 libprotobuf-dev libleveldb-dev libsnappy-dev libgflags-dev libboost-dev libpng-dev
  libjpeg62-turbo-dev zlib1g-dev libeigen3-dev libre2-dev libleptonica-dev libsamplerate0-dev
  libgtest-dev libgmock-dev nlohmann-json3-dev
)

package_is_installed() {
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# Installs what is missing of kPackages and of the packages given. Silent when nothing is. Returns 1, saying what to do, when it can't.
install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "packages: not a Debian system; these have to be there: ${kPackages[*]} $*" >&2
    return 0
  fi
  local package missing=() as_root=()
  for package in "${kPackages[@]}" "$@"; do
    package_is_installed "${package}" || missing+=("${package}")
  done
  if ((${#missing[@]} == 0)); then
    return 0
  fi
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "packages: missing: ${missing[*]}" >&2
      echo "packages: neither root nor sudo here; as root: apt-get install ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "packages: installing ${missing[*]}" >&2
  local log
  log="$(mktemp)"
  if ! "${as_root[@]}" apt-get -q update </dev/null >"${log}" 2>&1 ||
    ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}" \
      </dev/null >>"${log}" 2>&1; then
    tail -n 20 "${log}" >&2
    rm -f "${log}"
    echo "packages: apt-get could not install ${missing[*]}" >&2
    return 1
  fi
  rm -f "${log}"
}
