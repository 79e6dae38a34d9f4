#include "ops/kernels/random_uniform.h"

#include <algorithm>
#include <limits>

#define TARN_KERNEL_FILE "ops/kernels/random_uniform_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {

static auto uniform_floats_for([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return avx512::uniform_floats;
  if (isa == Isa::kAvx2) return avx2::uniform_floats;
#endif
  return portable::uniform_floats;
}

void random_uniform(const std::array<uint32_t, 2>& key, uint64_t low, uint64_t high, int64_t count, float* out,
                    Isa isa) {
  const auto fill = uniform_floats_for(isa);
  // Up to where the counter's lower half wraps, then on from there.
  const uint64_t blocks_left = std::numeric_limits<uint64_t>::max() - low;  // after this one
  if (blocks_left < static_cast<uint64_t>(count) / 4) {
    const int64_t first = static_cast<int64_t>(blocks_left + 1) * 4;
    fill(key[0], key[1], low, high, std::min(first, count), out);
    if (first >= count) return;
    out += first;
    count -= first;
    low = 0;
    ++high;
  }
  fill(key[0], key[1], low, high, count, out);
}

}  // namespace tarn::kernels
