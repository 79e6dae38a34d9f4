#include "ops/kernels/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace tarn::kernels {
namespace {

TEST(Isa, BestIsAvailableAndWithinTheCapOfTheEnvironment) {
  EXPECT_TRUE(isa_available(Isa::kPortable));
  EXPECT_TRUE(isa_available(best_isa()));
  const char* cap = std::getenv("TARN_ISA");
  if (cap != nullptr && std::string(cap) == "portable") {
    EXPECT_EQ(best_isa(), Isa::kPortable);
  } else if (cap != nullptr && std::string(cap) == "avx2") {
    EXPECT_LE(best_isa(), Isa::kAvx2);
  } else {
    for (Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
      EXPECT_TRUE(!isa_available(isa) || best_isa() >= isa);
    }
  }
}

// best_isa() reads the variable once a process, so a process of its own asks.
TEST(IsaDeathTest, AnUnknownValueIsWarnedOfOnceAndIgnored) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  auto ask_twice = [] {
    setenv("TARN_ISA", "avx3", 1);
    std::exit(best_isa() == best_isa() && isa_available(best_isa()) ? 0 : 1);
  };
  EXPECT_EXIT(ask_twice(), ::testing::ExitedWithCode(0),
              "^warning: TARN_ISA is 'avx3'; it knows portable, avx2 and avx512, and is ignored\n$");
}

TEST(Isa, NamesAreTheValuesOfTheVariable) {
  EXPECT_STREQ(isa_name(Isa::kPortable), "portable");
  EXPECT_STREQ(isa_name(Isa::kAvx2), "avx2");
  EXPECT_STREQ(isa_name(Isa::kAvx512), "avx512");
}

}  // namespace
}  // namespace tarn::kernels
