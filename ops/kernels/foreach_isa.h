// Compiles one file of vector code once per flavour, each in a namespace of its own, so the code is written once.
// For kernel authors only; no include guard on purpose.
//
//   // relu.cc                                                  // relu_inl.h: just functions, using T, V, load, store
//   … #define TARN_KERNEL_FILE "ops/kernels/relu_inl.h"           TARN_TARGET void relu(const T* x, T* y, int64_t n) {
//   … } #include "ops/kernels/foreach_isa.h" … TARN_DISPATCH(T, isa, relu(x, y, n));                     // f64::relu,
//   portable::relu, avx2::relu or avx512::relu
//
// Flavours: f64 (plain double, for gradient tests), portable (float, 128-bit vectors the compiler maps to SSE2, NEON,
// wasm), avx2, avx512. Rules for the inlined file: include nothing, call no std template (its code would be shared with
// baseline code by the linker), write no lambda (lambdas do not inherit the target); internal linkage comes from here.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "ops/kernels/isa.h"

#define TARN_INLINE static inline __attribute__((always_inline)) TARN_TARGET
#if defined(__clang__)
#define TARN_UNROLL _Pragma("unroll")
#else
#define TARN_UNROLL _Pragma("GCC unroll 16")
#endif

// Of loops whose turns share nothing that registers hold: a build for size leaves them loops.
#ifdef __OPTIMIZE_SIZE__
#define TARN_UNROLL_FOR_SPEED
#else
#define TARN_UNROLL_FOR_SPEED TARN_UNROLL
#endif

#define TARN_FLAVOR_F64 1
#define TARN_FLAVOR_PORTABLE 2
#define TARN_FLAVOR_AVX2 3
#define TARN_FLAVOR_AVX512 4

#define TARN_FLAVOR TARN_FLAVOR_F64
#define TARN_TARGET
namespace tarn::kernels {
namespace {
namespace f64 {
#include "ops/kernels/simd_inl.h"
#include TARN_KERNEL_FILE
}  // namespace f64
}  // namespace
}  // namespace tarn::kernels
#undef TARN_FLAVOR
#undef TARN_TARGET

#define TARN_FLAVOR TARN_FLAVOR_PORTABLE
#define TARN_TARGET
namespace tarn::kernels {
namespace {
namespace portable {
#include "ops/kernels/simd_inl.h"
#include TARN_KERNEL_FILE
}  // namespace portable
}  // namespace
}  // namespace tarn::kernels
#undef TARN_FLAVOR
#undef TARN_TARGET

#if defined(__x86_64__)

#define TARN_FLAVOR TARN_FLAVOR_AVX2
#define TARN_TARGET __attribute__((target("avx2,fma")))
namespace tarn::kernels {
namespace {
namespace avx2 {
#include "ops/kernels/simd_inl.h"
#include TARN_KERNEL_FILE
}  // namespace avx2
}  // namespace
}  // namespace tarn::kernels
#undef TARN_FLAVOR
#undef TARN_TARGET

#define TARN_FLAVOR TARN_FLAVOR_AVX512
#define TARN_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")))
namespace tarn::kernels {
namespace {
namespace avx512 {
#include "ops/kernels/simd_inl.h"
#include TARN_KERNEL_FILE
}  // namespace avx512
}  // namespace
}  // namespace tarn::kernels
#undef TARN_FLAVOR
#undef TARN_TARGET

#define TARN_DISPATCH(T, isa, call)                              \
  do {                                                           \
    if constexpr (std::is_same_v<T, double>) {                   \
      f64::call;                                                 \
    } else {                                                     \
      switch (isa) {                                             \
        case ::tarn::kernels::Isa::kAvx512: avx512::call; break; \
        case ::tarn::kernels::Isa::kAvx2: avx2::call; break;     \
        case ::tarn::kernels::Isa::kPortable: portable::call;    \
      }                                                          \
    }                                                            \
  } while (false)

#else

#define TARN_DISPATCH(T, isa, call)            \
  do {                                         \
    static_cast<void>(isa);                    \
    if constexpr (std::is_same_v<T, double>) { \
      f64::call;                               \
    } else {                                   \
      portable::call;                          \
    }                                          \
  } while (false)

#endif
