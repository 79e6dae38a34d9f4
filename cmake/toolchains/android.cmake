# Android's NDK. Untested: no machine of this project has one.
#
#   cmake -S . -B build/android -DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/android.cmake -DANDROID_NDK=$HOME/android-ndk-r26 \
#         -DTARN_TOOLS=OFF -DTARN_OPS_FROM=model.pb -DCMAKE_BUILD_TYPE=MinSizeRel
#
# ANDROID_NDK may be an environment variable (or ANDROID_NDK_HOME, ANDROID_NDK_ROOT). ANDROID_ABI (arm64-v8a) and
# ANDROID_PLATFORM (android-21) are as in the NDK's own file, which does the rest.
foreach(name IN ITEMS ANDROID_NDK ANDROID_NDK_HOME ANDROID_NDK_ROOT)
  if(NOT ANDROID_NDK AND DEFINED ENV{${name}})
    set(ANDROID_NDK $ENV{${name}})
  endif()
endforeach()
set(ndk_toolchain ${ANDROID_NDK}/build/cmake/android.toolchain.cmake)
if(NOT EXISTS ${ndk_toolchain})
  message(FATAL_ERROR "Set ANDROID_NDK to an Android NDK: there is no ${ndk_toolchain}")
endif()
set(ANDROID_NDK ${ANDROID_NDK} CACHE PATH "Android NDK")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ANDROID_NDK)
if(NOT ANDROID_ABI)
  set(ANDROID_ABI arm64-v8a)
endif()
if(NOT ANDROID_PLATFORM)
  set(ANDROID_PLATFORM android-21)
endif()
if(NOT ANDROID_STL)
  set(ANDROID_STL c++_static)  # one library in the APK, nothing else to ship
endif()
include(${ndk_toolchain})
# Eigen is headers alone: that of the machine that builds, where the NDK's file looks for none.
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
