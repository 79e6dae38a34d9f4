#include "ops/kernels/isa.h"

#include <cstdlib>
#include <string_view>

namespace tarn::kernels {

bool isa_available([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  // The compiler's cpuid helper also asks xgetbv whether the system saves the wide registers.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::kAvx2) return avx2;
  if (isa == Isa::kAvx512) {
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
#endif
  return isa == Isa::kPortable;
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx2: return "avx2";
    case Isa::kPortable: break;
  }
  return "portable";
}

static Isa detect() {
  const char* text = std::getenv("TARN_ISA");
  const std::string_view cap = text == nullptr ? "" : text;
  for (Isa isa : {Isa::kAvx512, Isa::kAvx2}) {
    const bool allowed = cap != isa_name(Isa::kPortable) && !(cap == isa_name(Isa::kAvx2) && isa == Isa::kAvx512);
    if (allowed && isa_available(isa)) return isa;
  }
  return Isa::kPortable;
}

Isa best_isa() {
  static const Isa isa = detect();
  return isa;
}

}  // namespace tarn::kernels
