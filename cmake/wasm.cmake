# What the WebAssembly presets need beside emscripten's toolchain file: the host's Eigen, which is headers alone.
option(TARN_WASM_SIMD "128-bit SIMD, which browsers have since 2021 (Chrome 91, Firefox 89) and 2023 (Safari 16.4)" OFF)

# emscripten looks for packages in its own sysroot alone.
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)

if(TARN_WASM_SIMD)
  add_compile_options(-msimd128)
endif()
