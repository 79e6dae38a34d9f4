# What the WebAssembly presets need beside emscripten's toolchain file: the header-only libraries of the host.
option(TARN_WASM_SIMD "128-bit SIMD, which browsers have since 2021 (Chrome 91, Firefox 89) and 2023 (Safari 16.4)" OFF)

# emscripten looks for packages in its own sysroot alone.
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
# /usr/include as a whole would put the host's C library before emscripten's.
find_path(PROTOZERO_INCLUDE protozero/pbf_reader.hpp PATHS /usr/include /usr/local/include NO_CMAKE_FIND_ROOT_PATH REQUIRED)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/host_include)
file(CREATE_LINK ${PROTOZERO_INCLUDE}/protozero ${PROJECT_BINARY_DIR}/host_include/protozero SYMBOLIC)
include_directories(SYSTEM ${PROJECT_BINARY_DIR}/host_include)

if(TARN_WASM_SIMD)
  add_compile_options(-msimd128)
endif()
