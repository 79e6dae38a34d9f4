#include "core/machine.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string_view>

#include "core/file.h"
#include "core/strings.h"
#include "core/thread_pool.h"
#include "ops/kernels/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace tarn {
namespace {

using Float4 = float __attribute__((vector_size(16)));

// Enough chains that none waits for its last result: latency 4 or 5, two a cycle.
constexpr int kChains = 12;
constexpr int kSteps = 20'000;

#define TARN_PEAK_LOOP(name, target, Vector, multiply_add)                          \
  target __attribute__((noinline)) void name(float* out) {                          \
    Vector chains[kChains];                                                         \
    for (int i = 0; i < kChains; ++i) chains[i] = Vector{} + static_cast<float>(i); \
    const Vector a = Vector{} + 0.999f, b = Vector{} + 0.001f;                      \
    for (int step = 0; step < kSteps; ++step) {                                     \
      _Pragma("GCC unroll 12") for (int i = 0; i < kChains; ++i) {                  \
        chains[i] = multiply_add(chains[i], a, b);                                  \
      }                                                                             \
    }                                                                               \
    for (int i = 1; i < kChains; ++i) chains[0] += chains[i];                       \
    *out = chains[0][0];                                                            \
  }

#define TARN_MULTIPLY_ADD(x, y, z) ((x) * (y) + (z))
TARN_PEAK_LOOP(portable_loop, , Float4, TARN_MULTIPLY_ADD)
#if defined(__x86_64__)
TARN_PEAK_LOOP(avx2_loop, __attribute__((target("avx2,fma"))), __m256, _mm256_fmadd_ps)
TARN_PEAK_LOOP(avx512_loop, __attribute__((target("avx512f"))), __m512, _mm512_fmadd_ps)
#endif

constexpr kernels::Isa kIsas[] = {kernels::Isa::kPortable, kernels::Isa::kAvx2, kernels::Isa::kAvx512};

struct PeakLoop {
  void (*run)(float* out) = portable_loop;
  int floats = 4;
};

PeakLoop loop_of(kernels::Isa isa) {
#if defined(__x86_64__)
  if (isa == kernels::Isa::kAvx512) return {avx512_loop, 16};
  if (isa == kernels::Isa::kAvx2) return {avx2_loop, 8};
#endif
  (void)isa;
  return {};
}

}  // namespace

std::vector<std::string> known_isas() {
  std::vector<std::string> names;
  for (kernels::Isa isa : kIsas) names.emplace_back(kernels::isa_name(isa));
  return names;
}

std::string widest_isa() {
  return kernels::isa_name(kernels::best_isa());
}

std::string cpu_name() {
#if defined(__x86_64__)
  constexpr uint32_t kFirst = 0x80000002, kLeaves = 3;
  char brand[kLeaves * 16 + 1] = {};
  for (uint32_t leaf = 0; leaf < kLeaves; ++leaf) {
    uint32_t words[4] = {};
    if (__get_cpuid(kFirst + leaf, &words[0], &words[1], &words[2], &words[3]) == 0) return "x86-64";
    std::memcpy(brand + leaf * 16, words, sizeof words);
  }
  const std::string_view name = brand;  // padded, in front or behind
  const size_t begin = std::min(name.find_first_not_of(' '), name.size());
  return std::string(name.substr(begin, name.find_last_not_of(' ') + 1 - begin));
#else
  Result<std::string> number = read_file("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1");
  return number.ok() ? number->substr(0, number->find_last_not_of('\n') + 1) : "unknown";
#endif
}

Status limit_isa(const std::string& name) {
  for (kernels::Isa isa : kIsas) {
    if (name != kernels::isa_name(isa)) continue;
    if (!kernels::isa_available(isa))
      return invalid_argument("this machine has no ", name, "; its widest is ", widest_isa());
    kernels::choose_isa(isa);
    return {};
  }
  return invalid_argument("there is no ", quoted(name), did_you_mean(name, known_isas()), "; there are ",
                          str_join(known_isas(), ", "));
}

double peak_gflops(int threads) {
  using Clock = std::chrono::steady_clock;
  const PeakLoop loop = loop_of(kernels::best_isa());
  ThreadPool pool(threads);
  constexpr int64_t kRepeats = 8;
  std::vector<float> out(static_cast<size_t>(pool.threads()) * 16);  // a cache line each
  double best_seconds = 1e9;
  for (int round = 0; round < 12; ++round) {
    Clock::time_point begin = Clock::now();
    pool.parallel_for_whole(pool.threads(), 1, [&](int64_t first, int64_t last, int thread) {
      for (int64_t repeat = 0; repeat < kRepeats * (last - first); ++repeat)
        loop.run(&out[static_cast<size_t>(thread) * 16]);
    });
    best_seconds = std::min(best_seconds, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return 2e-9 * static_cast<double>(loop.floats) * kChains * kSteps * kRepeats * pool.threads() / best_seconds;
}

}  // namespace tarn
