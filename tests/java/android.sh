#!/usr/bin/env bash
# The app's screens and the Java API on Android's own classes: Robolectric runs tests/java/android with this machine's
# build of the JNI library.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_java.sh"

need_commands javac=default-jdk-headless aapt=aapt
need_library
need_parts jars android
need_digit_model

work="$(new_folder android_tests)"
mkdir -p "${work}/assets"
cp "${kJavaDir}/digits.pb" "${work}/assets/"
models="${TARN_DATA:-/nowhere}/models"
if [[ -f "${models}/mobilenet_v1_025_128/graph.pb" ]]; then
  "${kBinDir}/optimize_for_mobile" --input="${models}/mobilenet_v1_025_128/graph.pb" --output="${work}/assets/classifier.pb" \
    --labels="${TARN_DATA}/images/imagenet_slim_labels.txt" --mean=127.5 --std=127.5 >/dev/null
  cp "${models}/mobilenet_v1_025_128/graph.pb" "${work}/assets/mobilenet.pb"
  cp "${TARN_DATA}/images/imagenet_slim_labels.txt" "${work}/assets/labels.txt"
fi
build_app "${work}" "${kRepository}/tests/java/android" "${kRepository}/tests/java/support"
mkdir -p "${work}/config/com/android/tools"
cat >"${work}/config/com/android/tools/test_config.properties" <<TEXT
android_resource_apk=${work}/resources.apk
android_merged_manifest=${work}/AndroidManifest.xml
android_merged_assets=${work}/assets
android_custom_package=org.tarn.demo
TEXT
classes=("$@")
((${#classes[@]} > 0)) || classes=(org.tarn.demo.DigitActivityTest org.tarn.demo.PhotoActivityTest com.example.TensorFlowImageClassifierTest)
# Robolectric looks into classes of the JDK; it instruments the same android.jar that the app is compiled with.
"${TARN_JAVA:-java}" -Xmx2g --add-opens java.base/java.io=ALL-UNNAMED --add-opens java.base/java.lang=ALL-UNNAMED \
  -Drobolectric.offline=true -Drobolectric.dependency.dir="${kJavaDir}/android" -Drobolectric.usePreinstrumentedJars=false \
  -Dorg.tarn.library="${kLibDir}/libtarn_jni.so" \
  -cp "${work}/config:${work}/tests:${work}/classes:$(jars_in "${kJavaDir}/jars" "${kJavaDir}/android")" \
  org.tarn.testing.RunTests "${classes[@]}"
