// Steps that run together by rows take nothing from the heap once they have run.
#include <gtest/gtest.h>

#include "runtime/engine.h"
#include "tests/allocations/counting.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

TEST(Stream, AllocatesNothingInRun) {
  if (!testing::can_count_allocations()) GTEST_SKIP() << "a sanitizer has the heap";
  const std::string bytes = testing::model_bytes(R"(
x: f32[?,64,48,16] = Placeholder
w: f32[1,1,16,96] = random(seed=1)
d: f32[3,3,96,1] = random(seed=2)
p: f32[3,3,96,32] = random(seed=3)
a = Conv2D(x, w) {strides=[1, 1, 1, 1], padding="SAME"}
b = DepthwiseConv2dNative(a, d) {strides=[1, 1, 1, 1], padding="SAME"}
y = Conv2D(b, p) {strides=[1, 2, 2, 1], padding="SAME"}
)");
  EngineOptions options{.threads = 2};
  auto engine = Engine::load_bytes(bytes, nullptr, "stream.pb", options);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input(0, testing::random_floats({3, 64, 48, 16}, 2)).ok());
  ASSERT_TRUE(context.run().ok());
  ASSERT_GT(context.program()->stats.streamed_steps, 0);

  testing::AllocationCount count = testing::count_allocations([&] {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(context.run().ok());
  });

  EXPECT_EQ(count.calls, 0) << count.where;
}

}  // namespace
}  // namespace tarn
