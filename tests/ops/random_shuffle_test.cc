#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/random_state.h"
#include "tests/ops/harness.h"
#include "tests/ops/random_session.h"

namespace tarn::testing {
namespace {

TARN_OP_WITHOUT_CASES(RandomShuffle, "needs a ResourceMap; compared with TensorFlow's order");

TEST(RandomShuffle, GivesTensorFlowsOrderRunAfterRun) {
  std::ifstream file(std::string(TARN_SOURCE_DIR) + "/tests/goldens/random.json");
  nlohmann::json goldens = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(goldens.is_object());
  int compared = 0;
  for (const nlohmann::json& golden : goldens["choices"]) {
    if (golden["op"] != "RandomShuffle") continue;
    AttrMap attrs{{"seed", golden["seed"].get<int64_t>()}, {"seed2", golden["seed2"].get<int64_t>()}};
    Tensor numbers = iota(Shape(golden["shape"].get<std::vector<int64_t>>()));
    for (DType dtype : {DType::kInt32, DType::kFloat, DType::kUInt8, DType::kString}) {
      Session session;
      for (const nlohmann::json& run : golden["runs"]) {
        Result<Tensor> y = session.draw("RandomShuffle", attrs, {to_dtype(numbers, dtype)});

        ASSERT_TRUE(y.ok()) << y.status().to_string();
        EXPECT_EQ(y->shape(), numbers.shape());
        EXPECT_EQ(int_list(*y), run.get<std::vector<int64_t>>()) << golden.dump();
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, 36);
}

// What is saved of a session must stand where TensorFlow's generator does: rows - 1 words, in whole blocks.
TEST(RandomShuffle, TakesNoMoreNumbersThanItNeeds) {
  AttrMap attrs{{"seed", 1}, {"seed2", 2}};
  auto blocks_after = [&](const Shape& shape) -> uint32_t {
    Session session;
    Result<Tensor> y = session.draw("RandomShuffle", attrs, {iota(shape)});
    EXPECT_TRUE(y.ok()) << y.status().to_string();
    auto* state = session.resources.find<RandomState>("random");
    return state == nullptr ? 0 : state->get().counter[0];
  };
  EXPECT_EQ(blocks_after({5}), 1u);
  EXPECT_EQ(blocks_after({6, 2}), 2u);
  for (const Shape& alone : {Shape{}, Shape{1}, Shape{0}, Shape{1, 7}, Shape{3, 0}}) {
    EXPECT_EQ(blocks_after(alone), 0u) << alone.to_string();
  }
}

TEST(RandomShuffle, SaysThatSeedsAreMissing) {
  Session session;

  Result<Tensor> y = session.draw("RandomShuffle", {}, {iota({3})});

  EXPECT_EQ(y.status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace tarn::testing
