#include "ops/kernels/random_uniform.h"

#include <bit>
#include <vector>

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

// One block, as the paper spells it.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0], p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {uint32_t(p1 >> 32) ^ counter[1] ^ key[0], uint32_t(p1), uint32_t(p0 >> 32) ^ counter[3] ^ key[1],
               uint32_t(p0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

std::vector<float> expected_uniform(const std::array<uint32_t, 2>& key, uint64_t low, uint64_t high, int64_t count) {
  std::vector<float> values;
  for (int64_t block = 0; block * 4 < count; ++block) {
    for (uint32_t word : philox({uint32_t(low), uint32_t(low >> 32), uint32_t(high), uint32_t(high >> 32)}, key)) {
      values.push_back(std::bit_cast<float>(0x3F800000u | (word & 0x7FFFFFu)) - 1.0f);
    }
    if (++low == 0) ++high;
  }
  values.resize(static_cast<size_t>(count));
  return values;
}

TEST(RandomUniform, EqualsThePaperBitByBit) {
  // Known answer of Random123 for counter and key of all ones: word 0 is 408f276d.
  ASSERT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u})[0], 0x408f276du);
  constexpr uint64_t kLast = ~uint64_t{0};
  for (uint64_t low : {uint64_t{0}, uint64_t{0xFFFFFFFD}, kLast, kLast - 1, kLast - 20}) {  // carries between the words
    for (uint64_t high : {uint64_t{0}, uint64_t{0x123456789ABCDEF}, kLast}) {
      for (int64_t count : {0, 1, 3, 4, 5, 31, 64, 65, 84, 88, 1000}) {
        const std::vector<float> expected = expected_uniform({17, 0xF0000001}, low, high, count);
        for (Isa isa : available_isas()) {
          std::vector<float> values(expected.size() + 1, 99.0f);
          random_uniform({17, 0xF0000001}, low, high, count, values.data(), isa);
          EXPECT_EQ(values.back(), 99.0f) << "written past the end";
          values.pop_back();
          EXPECT_TRUE(same_bits(expected, values)) << isa_name(isa) << " " << count << " from " << low << ", " << high;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tarn::kernels
