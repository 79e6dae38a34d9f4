#!/usr/bin/env bash
# The JNI library for aarch64 Linux, tried by Debian's arm64 OpenJDK under qemu-user: the JVM tests, and the digit model's
# scores, which must be this machine's within 1e-5.
#
#   scripts/cross_sysroot.sh arm64 build/sysroot-arm64 && cmake --preset aarch64 && cmake --build build/aarch64 --target tarn_jni
#   scripts/cross_sysroot.sh arm64 build/java/jre-arm64 openjdk-17-jre-headless
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_java.sh"

need_commands javac=default-jdk-headless qemu-aarch64=qemu-user
need_library
library="${TARN_AARCH64_LIBRARY:-${kRepository}/build/aarch64/lib/libtarn_jni.so}"
[[ -f "${library}" ]] || skip "${library} is not there; the preset aarch64 builds it"
jre="${TARN_AARCH64_JRE:-${kJavaDir}/jre-arm64}"
java="$(find "${jre}/usr/lib/jvm" -path '*/bin/java' -type f 2>/dev/null | head -n 1)"
[[ -n "${java}" ]] || skip "${jre} is not there; scripts/cross_sysroot.sh arm64 ${jre} openjdk-17-jre-headless makes it"

work="$(new_folder aarch64)"
cat >"${work}/java" <<TEXT
#!/bin/sh
exec qemu-aarch64 -L "${jre}" "${java}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "\$@"
TEXT
chmod +x "${work}/java"
"${work}/java" -version 2>&1 | head -n 1
file -b "${library}" 2>/dev/null | cut -d, -f1-2 || true

TARN_JAVA="${work}/java" TARN_JNI_LIBRARY="${library}" "${kRepository}/tests/java/jvm.sh" org.tarn.EngineTest org.tarn.InferenceInterfaceTest

if [[ ! -f "${kJavaDir}/digits.pb" || ! -d "${TARN_DATA:-/nowhere}/mnist" ]]; then
  echo "the digit model's scores were not compared: tests/java/digit_model.sh and TARN_DATA/mnist make them"
  exit 0
fi
run=(-cp "${kJavaDir}/jvm/classes:${kLibDir}/tarn.jar" org.tarn.testing.Scores "${kJavaDir}/digits.pb" "${work}/scores")
java -Dorg.tarn.library="${kLibDir}/libtarn_jni.so" "${run[@]}"
"${work}/java" -Dorg.tarn.library="${library}" "${run[@]}"
