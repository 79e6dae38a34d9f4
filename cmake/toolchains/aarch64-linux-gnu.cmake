# Debian's cross compiler for 64-bit ARM Linux (a Raspberry Pi's too), with qemu-user to run what it makes:
#
#   apt-get install g++-aarch64-linux-gnu qemu-user
#   cmake --preset aarch64                                   # everything, with libraries of scripts/cross_sysroot.sh
#   cmake -S . -B build/pi -DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/aarch64-linux-gnu.cmake -DTARN_TOOLS=OFF    # the engine
#
# TARN_SYSROOT is a folder with Debian's arm64 libraries: what tests and tools link. The engine alone needs none.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(TARN_SYSROOT "" CACHE PATH "Debian's arm64 libraries (scripts/cross_sysroot.sh arm64 FOLDER); empty: the compiler's own")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TARN_SYSROOT)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
if(TARN_SYSROOT)
  set(CMAKE_SYSROOT ${TARN_SYSROOT})
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${TARN_SYSROOT})
  set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
  set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
  set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
  # pkg-config too: else what it finds are this machine's libraries.
  set(ENV{PKG_CONFIG_LIBDIR} ${TARN_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${TARN_SYSROOT}/usr/share/pkgconfig)
  set(ENV{PKG_CONFIG_SYSROOT_DIR} ${TARN_SYSROOT})
else()
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)  # headers alone (Eigen): this machine's
endif()
