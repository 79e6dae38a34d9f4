#include "ops/kernels/isa.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "core/strings.h"

namespace tarn::kernels {

#if defined(__x86_64__)

// Asked here: what the compiler's __builtin_cpu_supports links knows every processor by name, which is 6 KB.
static bool processor_has(Isa isa) {
  constexpr uint32_t kFma = 1u << 12, kOsSavesRegisters = 1u << 27;                                   // leaf 1, ecx
  constexpr uint32_t kAvx2 = 1u << 5, kF = 1u << 16, kDq = 1u << 17, kBw = 1u << 30, kVl = 1u << 31;  // leaf 7, ebx
  constexpr uint32_t kYmm = 0x06, kZmm = 0xe6;  // of XCR0: whose registers the system saves
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kFma) == 0 || (c & kOsSavesRegisters) == 0) return false;
  uint32_t saved = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  const uint32_t needed = isa == Isa::kAvx512 ? kAvx2 | kF | kDq | kBw | kVl : kAvx2;
  const uint32_t registers = isa == Isa::kAvx512 ? kZmm : kYmm;
  return (b & needed) == needed && (saved & registers) == registers;
}

bool isa_available(Isa isa) {
  return isa == Isa::kPortable || processor_has(isa);
}

#else

bool isa_available(Isa isa) {
  return isa == Isa::kPortable;
}

#endif

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx2: return "avx2";
    case Isa::kPortable: break;
  }
  return "portable";
}

#if defined(__EMSCRIPTEN__)  // no environment, nobody to warn, one set of instructions

Isa best_isa() {
  return Isa::kPortable;
}

void choose_isa(Isa) {}

#else

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

static std::atomic<Isa>& chosen() {
  static std::atomic<Isa> isa = detect();
  return isa;
}

Isa best_isa() {
  return chosen().load(std::memory_order_relaxed);
}

void choose_isa(Isa isa) {
  chosen().store(isa, std::memory_order_relaxed);
}

#endif

}  // namespace tarn::kernels
