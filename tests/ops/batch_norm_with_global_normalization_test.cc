#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors normalized(const Tensors& in, const AttrMap& attrs) {
  double epsilon = attrs.get<float>("variance_epsilon");
  bool scales = attrs.get<bool>("scale_after_normalization");
  return {by_index(in[0].shape(), [&](const Index& index) {
    Index channel{index[3]};
    double scale = (scales ? at(in[4], channel) : 1) / std::sqrt(at(in[2], channel) + epsilon);
    return (at(in[0], index) - at(in[1], channel)) * scale + at(in[3], channel);
  })};
}

TARN_OP_CASES(batch_norm_with_global_normalization) {
  OpCases cases;
  for (bool scales : {false, true}) {
    for (const Shape& shape : {Shape{2, 3, 2, 5}, Shape{1, 1, 1, 1}, Shape{0, 3, 3, 2}}) {
      Shape channels{shape.dim(3)};
      cases.push_back({.op = "BatchNormWithGlobalNormalization",
                       .label = str_cat(shape.to_string(), scales ? ", scaled" : ""),
                       .attrs = {{"variance_epsilon", 0.01f}, {"scale_after_normalization", scales}},
                       .inputs = {uniform(shape), uniform(channels), uniform(channels, 0.5, 2),
                                  uniform(channels, -1, 1, 2), uniform(channels, -1, 1, 3)},
                       .reference = normalized,
                       .sum_length = 6});
    }
  }
  return cases;
}

TEST(BatchNormWithGlobalNormalization, NamesTheVectorThatDoesNotFit) {
  AttrMap attrs{{"variance_epsilon", 0.01f}, {"scale_after_normalization", true}};
  Result<Tensors> y = evaluate_op(op_table(), "BatchNormWithGlobalNormalization", attrs,
                                  std::vector{iota({1, 2, 2, 3}), iota({3}), iota({2}), iota({3}), iota({3})});

  ASSERT_FALSE(y.ok());
  EXPECT_NE(y.status().message().find("input 'v' must be a vector of 3 channels, has shape [2]"), std::string::npos)
      << y.status().message();
}

}  // namespace
}  // namespace tarn::testing
