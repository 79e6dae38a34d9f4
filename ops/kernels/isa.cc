#include "ops/kernels/isa.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "core/strings.h"

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
  bool is_known = cap.empty();
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) is_known = is_known || cap == isa_name(isa);
  if (!is_known) {
    // Whoever sets it tests or measures something and would take the wrong figures for right ones.
    const std::string warning =
        str_cat("warning: TARN_ISA is ", quoted(cap), "; it knows portable, avx2 and avx512, and is ignored\n");
    std::fwrite(warning.data(), 1, warning.size(), stderr);
  }
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
