# What the WebAssembly presets need beside emscripten's toolchain file: the host's Eigen, which is headers alone.
option(TARN_WASM_SIMD "128-bit SIMD, which browsers have since 2021 (Chrome 91, Firefox 89) and 2023 (Safari 16.4)" OFF)

# emscripten looks for packages in its own sysroot alone.
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)

# Optimized as a whole when it is linked. The C library is as it is: emcc is not told when it links.
add_compile_options(-flto)

# Once emcc has seen -Oz, it marks every function as one that must not be inlined, unless it is told: an iterator's ++ too.
add_compile_options(-finline-functions $<$<COMPILE_LANGUAGE:CXX>:-fno-sized-deallocation>)

# Which all browsers of docs/web.md have: shorter code for narrow integers, copies and what becomes an integer.
add_compile_options(-msign-ext -mbulk-memory -mnontrapping-fptoint)
