// Products in 8 bits take nothing from the heap once they have run.
#include <gtest/gtest.h>

#include "runtime/engine.h"
#include "tests/allocations/counting.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

TEST(Dynamic8, AllocatesNothingInRun) {
  if (!testing::can_count_allocations()) GTEST_SKIP() << "a sanitizer has the heap";
  auto bytes = std::make_shared<std::string>(testing::frozen_convnet_bytes({.side = 40, .filters = 40}, 1));
  EngineOptions options{.threads = 2, .quantize = Quantize::kDynamic8};
  auto engine = Engine::load_bytes(*bytes, bytes, "model.pb", options);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input(0, testing::random_floats({3, 40, 40, 1}, 2)).ok());
  ASSERT_TRUE(context.run().ok());

  testing::AllocationCount count = testing::count_allocations([&] {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(context.run().ok());
  });

  EXPECT_EQ(count.calls, 0) << count.where;
}

}  // namespace
}  // namespace tarn
