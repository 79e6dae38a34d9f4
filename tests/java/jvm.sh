#!/usr/bin/env bash
# The Java API on this machine's JVM: JUnit 4 on tests/java/jvm, with -Xcheck:jni.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_java.sh"

need_commands javac=default-jdk-headless
need_library
junit="${TARN_JUNIT:-/usr/share/java/junit4.jar}"
hamcrest="${TARN_HAMCREST:-/usr/share/java/hamcrest-core.jar}"
[[ -f "${junit}" ]] || skip "JUnit is not installed (Debian: junit4)"

work="$(new_folder jvm)"
convert_models "${work}"
find "${kRepository}/tests/java/jvm" "${kRepository}/tests/java/support" -name '*.java' >"${work}/sources"
javac --release 11 -Xlint:all,-options -Werror -encoding UTF-8 -cp "${kLibDir}/tarn.jar:${junit}:${hamcrest}" -d "${work}/classes" "@${work}/sources"
classes=("$@")
((${#classes[@]} > 0)) || classes=(org.tarn.EngineTest org.tarn.InferenceInterfaceTest org.tarn.LeakTest)
# CheckJNI's words go to standard output; a test run that has any fails.
"${TARN_JAVA:-java}" -Xcheck:jni -XX:ErrorFile="${work}/crash.log" -Xms256m -Xmx256m -XX:+AlwaysPreTouch -Dorg.tarn.library="${TARN_JNI_LIBRARY:-${kLibDir}/libtarn_jni.so}" \
  -Dorg.tarn.models="${work}" -cp "${work}/classes:${kLibDir}/tarn.jar:${junit}:${hamcrest}" \
  org.tarn.testing.RunTests "${classes[@]}" | tee "${work}/log"
if grep -E 'WARNING in native|FATAL ERROR in native' "${work}/log"; then
  say "the JNI checks found something"
  exit 1
fi
