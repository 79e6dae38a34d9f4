#!/usr/bin/env bash
# Packs the app without an Android SDK and looks at what came out: resources by Debian's aapt, bytecode by R8, signed and
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

# As a release build does it: R8 takes out what nobody uses and renames the rest, by the rules of the library's consumers and
# those that aapt finds in layouts and manifest. Robolectric's jar has Android's classes alone, so java.* is this JDK's.
jdk="$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.home = //p')"
(cd "${work}/classes" && zip -q -r -0 ../classes.jar .)
java -cp "$(jars_in "${kJavaDir}/d8")" com.android.tools.r8.R8 --release --min-api 23 --output "${work}/pack" \
  --lib "${jdk}" --lib "$(find "${kJavaDir}/android" -name '*.jar')" --pg-map-output "${work}/mapping.txt" \
  --pg-conf "${kRepository}/examples/android/tarn/consumer-rules.pro" --pg-conf "${work}/aapt_rules.pro" \
  "${work}/classes.jar" 2>&1 | tee "${work}/r8.log"
[[ ! -s "${work}/r8.log" ]] || fail "R8 said something"

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
# What is found by name, from C++, the manifest and the layouts, has kept it.
for class in Native demo/DigitActivity demo/PhotoActivity demo/DrawingView demo/BarsView; do
  grep -qF "Class descriptor  : 'Lorg/tarn/${class};'" "${work}/dex" || fail "the APK has no class org.tarn.${class}"
done
natives="$(grep -c 'static native' "${kRepository}/runtime/jni/java/org/tarn/Native.java")"
kept="$(grep -c 'NATIVE' "${work}/dex" || true)"
[[ "${natives}" == "${kept}" ]] || fail "of ${natives} native methods ${kept} are left"
# R8 itself puts in a class of Android's that API 23 has not; runtime/jni/stubs have no business here.
! grep -qF "Class descriptor  : 'Landroid/content/res/" "${work}/dex" || fail "a stub of Android's classes is packed"

awk '/classes.dex|digits.pb|libtarn_jni|resources.arsc/ {printf "%-32s %9d bytes, %9d packed\n", $8, $1, $3}' "${work}/contents"
echo "app.apk: $(stat -c %s "${work}/app.apk") bytes; $(grep ': true' "${work}/verify" | sed 's/^Verified using //; s/: true//' | paste -sd, | sed 's/,/, /g')"
