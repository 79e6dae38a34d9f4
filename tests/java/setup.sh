#!/usr/bin/env bash
# Fetches what the Android tests run on from Maven repositories, by Maven, into build/java: Robolectric with Android 14's
# classes and resources, and Android's compiler d8 (together about 300 MB). Nothing else needs these files; without them
# the tests that do are skipped.
#
#   tests/java/setup.sh                    # all that the tests use
#   tests/java/setup.sh tensorflow         # TensorFlow 1.15 for bench/java_peers.py (about 350 MB)
#   TARN_JAVA_DIR=/some/where tests/java/setup.sh
#
# Does nothing for what is complete. Exit 0: ready; 77: a repository can't be reached (ctest's "skipped"); 1: broken.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "${here}/_java.sh"

parts=("$@")
((${#parts[@]} > 0)) || parts=(jars android d8)

source "${kRepository}/scripts/packages.sh"
install_packages "${kJavaPackages[@]}"
command -v mvn >/dev/null || skip "Maven is not installed (Debian: maven)"
mkdir -p "${kJavaDir}"
for part in "${parts[@]}"; do
  folder="${kJavaDir}/${part}"
  if part_is_ready "${part}"; then
    say "${part}: ready at ${folder}"
    continue
  fi
  say "${part}: fetching into ${folder}"
  rm -rf "${folder}"
  log="${kJavaDir}/${part}.log"
  if ! mvn -q -B -f "${here}/pom.xml" -Dmaven.repo.local="${kJavaDir}/m2" "-P${part}" dependency:copy-dependencies \
    -DoutputDirectory="${folder}" </dev/null >"${log}" 2>&1; then
    if grep -qE 'Unknown host|Connection (refused|timed out)|Connect to|Network is unreachable|Temporary failure' "${log}"; then
      skip "${part}: a Maven repository can't be reached; ${log} has Maven's words"
    fi
    tail -n 20 "${log}" >&2
    say "${part}: Maven failed; the whole log is ${log}"
    exit 1
  fi
  # Android's archives hold their classes in a jar.
  for archive in "${folder}"/*.aar; do
    [[ -e "${archive}" ]] || continue
    unzip -q -p "${archive}" classes.jar >"${archive%.aar}.jar"
    rm "${archive}"
  done
  stamp_text >"${folder}/.tarn-java"
done
