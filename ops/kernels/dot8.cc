#include "ops/kernels/dot8.h"

#include <array>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#define TARN_KERNEL_FILE "ops/kernels/dot8_inl.h"
#include "ops/kernels/foreach_isa.h"

// Flavours that only this file has.
#if defined(__x86_64__)

#define TARN_FLAVOR TARN_FLAVOR_AVX512
#define TARN_TARGET \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,prefer-vector-width=512")))
#define TARN_DOT8_VNNI
namespace tarn::kernels {
namespace {
namespace avx512vnni {
#include "ops/kernels/simd_inl.h"
#include TARN_KERNEL_FILE
}  // namespace avx512vnni
}  // namespace
}  // namespace tarn::kernels
#undef TARN_DOT8_VNNI
#undef TARN_FLAVOR
#undef TARN_TARGET

#elif defined(__aarch64__)

#define TARN_FLAVOR TARN_FLAVOR_PORTABLE
#if defined(__clang__)
#define TARN_TARGET __attribute__((target("dotprod")))
#else
#define TARN_TARGET __attribute__((target("arch=armv8.2-a+dotprod")))
#endif
#define TARN_DOT8_NEON
namespace tarn::kernels {
namespace {
namespace neondot {
#include "ops/kernels/simd_inl.h"
#include TARN_KERNEL_FILE
}  // namespace neondot
}  // namespace
}  // namespace tarn::kernels
#undef TARN_DOT8_NEON
#undef TARN_FLAVOR
#undef TARN_TARGET

#endif

namespace tarn::kernels {

#if defined(__x86_64__)

static bool processor_has_vnni() {
  constexpr uint32_t kVnni = 1u << 11;  // leaf 7, ecx
  uint32_t a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & kVnni) != 0;
}

bool dot8_isa_available(Dot8Isa isa) {
  switch (isa) {
    case Dot8Isa::kPortable: return true;
    case Dot8Isa::kAvx2: return isa_available(Isa::kAvx2);
    case Dot8Isa::kAvx512: return isa_available(Isa::kAvx512);
    case Dot8Isa::kAvx512Vnni: return isa_available(Isa::kAvx512) && processor_has_vnni();
    case Dot8Isa::kNeonDot: break;
  }
  return false;
}

#else

bool dot8_isa_available(Dot8Isa isa) {
#if defined(__ARM_FEATURE_DOTPROD)
  if (isa == Dot8Isa::kNeonDot) return true;
#elif defined(__aarch64__) && defined(__linux__)
  constexpr unsigned long kDotProducts = 1ul << 20;  // HWCAP_ASIMDDP
  if (isa == Dot8Isa::kNeonDot) return (getauxval(AT_HWCAP) & kDotProducts) != 0;
#endif
  return isa == Dot8Isa::kPortable;
}

#endif

// The widest set that TARN_ISA lets float kernels have; byte instructions come with the widest alone.
static bool is_within(Dot8Isa isa, Isa most) {
  switch (isa) {
    case Dot8Isa::kPortable: return true;
    case Dot8Isa::kAvx2: return most >= Isa::kAvx2;
    case Dot8Isa::kAvx512:
    case Dot8Isa::kAvx512Vnni: return most >= Isa::kAvx512;
    case Dot8Isa::kNeonDot: return true;
  }
  return false;
}

// Asking the processor is slow in a virtual machine.
static bool is_available(Dot8Isa isa) {
  static const auto available = [] {
    std::array<bool, std::size(kDot8Isas)> found{};
    for (Dot8Isa each : kDot8Isas) found[static_cast<size_t>(each)] = dot8_isa_available(each);
    return found;
  }();
  return available[static_cast<size_t>(isa)];
}

Dot8Isa best_dot8_isa() {
  Dot8Isa best = Dot8Isa::kPortable;
  for (Dot8Isa isa : kDot8Isas) {
    if (is_within(isa, best_isa()) && is_available(isa)) best = isa;
  }
  return best;
}

const char* dot8_isa_name(Dot8Isa isa) {
  switch (isa) {
    case Dot8Isa::kPortable: break;
    case Dot8Isa::kAvx2: return "avx2";
    case Dot8Isa::kAvx512: return "avx512";
    case Dot8Isa::kAvx512Vnni: return "avx512vnni";
    case Dot8Isa::kNeonDot: return "neondot";
  }
  return "portable";
}

const Dot8Kernels& dot8_kernels([[maybe_unused]] Dot8Isa isa) {
#if defined(__x86_64__)
  if (isa == Dot8Isa::kAvx512Vnni) return avx512vnni::kDot8Kernels;
  if (isa == Dot8Isa::kAvx512) return avx512::kDot8Kernels;
  if (isa == Dot8Isa::kAvx2) return avx2::kDot8Kernels;
#elif defined(__aarch64__)
  if (isa == Dot8Isa::kNeonDot) return neondot::kDot8Kernels;
#endif
  return portable::kDot8Kernels;
}

}  // namespace tarn::kernels
