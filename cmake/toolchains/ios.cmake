# iOS, with Xcode's compiler. Untested: no machine of this project is a Mac.
#
#   cmake -S . -B build/ios -G Xcode -DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/ios.cmake -DTARN_TOOLS=OFF \
#         -DTARN_OPS_FROM=ops.txt
#
# TARN_IOS_SDK is iphoneos or iphonesimulator. runtime/module.modulemap lets Swift say `import Tarn`.
set(CMAKE_SYSTEM_NAME iOS)
set(CMAKE_SYSTEM_PROCESSOR arm64)
set(TARN_IOS_SDK iphoneos CACHE STRING "iphoneos or iphonesimulator")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TARN_IOS_SDK)
set(CMAKE_OSX_SYSROOT ${TARN_IOS_SDK})
set(CMAKE_OSX_ARCHITECTURES arm64)
set(CMAKE_OSX_DEPLOYMENT_TARGET 14.0 CACHE STRING "The oldest iOS")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)  # a program would have to be signed
set(CMAKE_XCODE_ATTRIBUTE_ENABLE_BITCODE NO)
# Eigen is headers alone: that of the machine that builds.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
