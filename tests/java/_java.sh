# shellcheck shell=bash
# What the scripts of this folder share. Sourced, not run.

kRepository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
readonly kRepository
readonly kJavaDir="${TARN_JAVA_DIR:-${kRepository}/build/java}"
readonly kBinDir="${TARN_BIN_DIR:-${kRepository}/build/release/bin}"
readonly kLibDir="${TARN_LIB_DIR:-${kRepository}/build/release/lib}"
readonly kApp="${kRepository}/examples/android/app/src/main"
readonly kSkip=77

say() { printf 'java: %s\n' "$*" >&2; }

skip() {
  printf 'skipped: %s\n' "$*"
  exit "${kSkip}"
}

stamp_text() { sha256sum <"${kRepository}/tests/java/pom.xml"; }

# What setup.sh fetched is of the versions that pom.xml has now.
part_is_ready() {
  [[ -f "${kJavaDir}/$1/.tarn-java" ]] && [[ "$(cat "${kJavaDir}/$1/.tarn-java")" == "$(stamp_text)" ]]
}

need_parts() {
  local part
  for part in "$@"; do
    part_is_ready "${part}" || skip "${kJavaDir}/${part} is not there; tests/java/setup.sh fetches it by Maven"
  done
}

need_commands() {
  local pair
  for pair in "$@"; do # command=Debian's package
    command -v "${pair%%=*}" >/dev/null || skip "${pair%%=*} is not installed (Debian: ${pair#*=})"
  done
}

need_library() {
  [[ -f "${kLibDir}/libtarn_jni.so" ]] || skip "${kLibDir}/libtarn_jni.so was not built: it needs a JDK (default-jdk-headless)"
}

# The digit classifier that digit_model.sh made.
need_digit_model() {
  [[ -f "${kJavaDir}/digits.pb" ]] || skip "there is no ${kJavaDir}/digits.pb; tests/java/digit_model.sh trains it from TARN_DATA/mnist"
}

jars_in() { find "$@" -name '*.jar' -printf '%p:'; }

# A folder of this script's own, empty.
new_folder() {
  local folder="${kJavaDir}/$1"
  rm -rf "${folder}"
  mkdir -p "${folder}"
  printf '%s' "${folder}"
}

# The test graphs as files.
convert_models() {
  local graph
  for graph in "${kRepository}"/tests/java/models/*.graph; do
    "${kBinDir}/convert_graph" --input="${graph}" --output="$1/$(basename "${graph}" .graph).pb" >/dev/null
  done
}

# Compiles the app, the Java API and the test classes of some folders into $1, with resources from aapt: $1/classes,
# $1/tests, $1/AndroidManifest.xml, $1/resources.apk (with what lies in $1/assets).
build_app() {
  local out="$1" android
  shift
  android="$(find "${kJavaDir}/android" -name '*.jar')"
  mkdir -p "${out}"/{assets,gen,classes,tests}
  # Gradle's plugin writes package and versions into the manifest from build.gradle; here it is done by hand.
  sed 's|<manifest |<manifest package="org.tarn.demo" |' "${kApp}/AndroidManifest.xml" >"${out}/AndroidManifest.xml"
  aapt package -f -m -J "${out}/gen" -M "${out}/AndroidManifest.xml" -S "${kApp}/res" -A "${out}/assets" -0 pb \
    -I "${android}" -F "${out}/resources.apk" -G "${out}/aapt_rules.pro" --min-sdk-version 23 --target-sdk-version 34 --version-code 1 \
    --version-name 1.0
  find "${kRepository}/runtime/jni/java" "${kApp}/java" "${out}/gen" -name '*.java' >"${out}/app_sources"
  javac --release 8 -Xlint:all,-options,-classfile -Werror -encoding UTF-8 -cp "${android}" -d "${out}/classes" "@${out}/app_sources"
  (($# > 0)) || return 0
  find "$@" -name '*.java' >"${out}/test_sources"
  javac --release 11 -Xlint:all,-options,-classfile,-processing -Werror -encoding UTF-8 \
    -cp "${out}/classes:$(jars_in "${kJavaDir}/jars")${android}" -d "${out}/tests" "@${out}/test_sources"
}
