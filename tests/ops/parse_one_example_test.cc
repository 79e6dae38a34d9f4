// ParseExampleV2 of a scalar, which tf.io.parse_single_example writes: one example, no batch dimension.
#include <gtest/gtest.h>

#include "tests/support/text_runs.h"

namespace tarn {
namespace {

TEST(ParseExampleV2, OfOneExampleGivesNoBatchDimension) {
  // Example{features{feature{key: "x" value{float_list{value: [1, 2]}}}}}
  const std::string kFloats("\x0a\x08\x00\x00\x80\x3f\x00\x00\x00\x40", 10);
  const std::string example = "\x0a\x13\x0a\x11\x0a\x01x\x12\x0c\x12\x0a" + kFloats;
  const Tensor one = Tensor::scalar<std::string>(example);
  const Tensor batch = Tensor::from<std::string>({1}, {example});
  auto text = [](std::string_view serialized) {
    return str_cat("serialized: ", serialized, " = Placeholder\n",
                   "names: str[0] = {}\n"
                   "keys: str[1] = {\"x\"}\n"
                   "none: str[0] = {}\n"
                   "fallback: f32[2] = {0, 0}\n"
                   "p = ParseExampleV2(serialized, names, keys, keys, none, fallback) {Tdense=[f32], num_sparse=1, "
                   "sparse_types=[f32], ragged_value_types=[], ragged_split_types=[], dense_shapes=[[2]]}\n");
  };
  const std::string of_one = "f32[2]{1, 2} i64[2,1]{0, 1} f32[2]{1, 2} i64[1]{2}";
  const std::string of_batch = "f32[1,2]{1, 2} i64[2,2]{0, 0, 0, 1} f32[2]{1, 2} i64[2]{1, 2}";
  const std::vector<std::string> fetches = {"p:3", "p", "p:1", "p:2"};

  EXPECT_EQ(testing::run(text("str[]"), {{"serialized", one}}, fetches), of_one);
  EXPECT_EQ(testing::run(text("str[?]"), {{"serialized", batch}}, fetches), of_batch);
  for (const Tensor& given : {one, batch}) {
    const std::string& wanted = given.shape().is_scalar() ? of_one : of_batch;
    EXPECT_EQ(testing::run(text("str?"), {{"serialized", given}}, fetches), wanted);
  }
}

}  // namespace
}  // namespace tarn
