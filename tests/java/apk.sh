#!/usr/bin/env bash
# Packs the app without an Android SDK and looks at what came out: resources by Debian's aapt, bytecode by d8, signed and
# verified by Debian's apksigner. Its native library is this machine's build, so it shows that packing works and what an
# APK weighs; a device needs the library that the NDK builds (docs/android.md).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_java.sh"

need_commands javac=default-jdk-headless aapt=aapt apksigner=apksigner zipalign=zipalign dexdump=dexdump zip=zip
need_library
need_parts android d8
need_digit_model

fail() {
  say "$*"
  exit 1
}

work="$(new_folder apk)"
mkdir -p "${work}/assets" "${work}/pack/lib/x86_64"
cp "${kJavaDir}/digits.pb" "${work}/assets/"
build_app "${work}"

# Robolectric's jar has Android's classes alone, so java.* is taken from this JDK.
jdk="$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.home = //p')"
java -cp "$(jars_in "${kJavaDir}/d8")" com.android.tools.r8.D8 --release --min-api 23 --output "${work}/pack" \
  --lib "${jdk}" --lib "$(find "${kJavaDir}/android" -name '*.jar')" $(find "${work}/classes" -name '*.class') 2>&1 | tee "${work}/d8.log"
[[ ! -s "${work}/d8.log" ]] || fail "d8 said something"

strip -o "${work}/pack/lib/x86_64/libtarn_jni.so" "${kLibDir}/libtarn_jni.so"
cp "${work}/resources.apk" "${work}/unaligned.apk"
(cd "${work}/pack" && zip -q -X ../unaligned.apk classes.dex && zip -q -X -0 ../unaligned.apk lib/x86_64/libtarn_jni.so)
zipalign -p 4 "${work}/unaligned.apk" "${work}/app.apk"
keytool -genkeypair -keystore "${work}/key.jks" -storepass password -keypass password -alias test -keyalg RSA \
  -keysize 2048 -validity 2 -dname CN=test >/dev/null 2>&1
apksigner sign --ks "${work}/key.jks" --ks-pass pass:password --min-sdk-version 23 "${work}/app.apk"

apksigner verify --verbose --min-sdk-version 23 "${work}/app.apk" >"${work}/verify"
grep -q '^Verified using v2 scheme (APK Signature Scheme v2): true' "${work}/verify" || fail "the signature does not verify"
zipalign -c -p 4 "${work}/app.apk" || fail "the APK is not aligned"
aapt dump badging "${work}/app.apk" >"${work}/badging"
for line in "package: name='org.tarn.demo' versionCode='1' versionName='1.0'" "sdkVersion:'23'" "targetSdkVersion:'34'" \
  "application-label:'Tarn digits'" "launchable-activity: name='org.tarn.demo.DigitActivity'" "native-code: 'x86_64'"; do
  grep -qF "${line}" "${work}/badging" || fail "aapt dump badging does not say ${line}"
done
! grep -q '^uses-permission' "${work}/badging" || fail "the app asks for a permission"
# What must lie as it is, to be mapped where it lies: the model and the library.
unzip -v "${work}/app.apk" >"${work}/contents"
for file in assets/digits.pb lib/x86_64/libtarn_jni.so; do
  grep -qE "Stored .* ${file}\$" "${work}/contents" || fail "${file} is not stored uncompressed"
done
dexdump "${work}/pack/classes.dex" >"${work}/dex"
for class in Lorg/tarn/Engine\; Lorg/tarn/TensorFlowInferenceInterface\; Lorg/tarn/demo/DigitActivity\;; do
  grep -qF "Class descriptor  : '${class}'" "${work}/dex" || fail "the APK has no class ${class}"
done
! grep -qF "Landroid/content/res/AssetManager;'" <(grep 'Class descriptor' "${work}/dex") || fail "a stub class is packed"

awk '/classes.dex|digits.pb|libtarn_jni|resources.arsc/ {printf "%-32s %9d bytes, %9d packed\n", $8, $1, $3}' "${work}/contents"
echo "app.apk: $(stat -c %s "${work}/app.apk") bytes; $(grep ': true' "${work}/verify" | sed 's/^Verified using //; s/: true//' | paste -sd, | sed 's/,/, /g')"
