#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors padded(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> paddings = int_list(in[1]);
  double around = in.size() > 2 ? in[2].flat<double>()[0] : 0;
  Shape shape = in[0].shape();
  for (int d = 0; d < shape.rank(); ++d) {
    shape.set_dim(d, shape.dim(d) + paddings[static_cast<size_t>(2 * d)] + paddings[static_cast<size_t>(2 * d + 1)]);
  }
  return {by_index(shape, [&](Index index) {
    for (size_t d = 0; d < index.size(); ++d) {
      index[d] -= paddings[2 * d];
      if (index[d] < 0 || index[d] >= in[0].shape().dim(static_cast<int>(d))) return around;
    }
    return at(in[0], index);
  })};
}

TARN_OP_CASES(pad) {
  Tensor two = ints({2, 2}, {1, 2, 0, 3});
  Tensor wide = Tensor::from<int64_t>({3, 2}, {0, 1, 2, 0, 0, 0});
  OpCases cases = {
      {.op = "Pad", .label = "2d", .inputs = {uniform({2, 3}), two}, .reference = padded},
      {.op = "Pad", .label = "3d, int64", .inputs = {uniform({2, 1, 3}), wide}, .reference = padded},
      {.op = "Pad", .label = "empty", .inputs = {uniform({0, 3}), two}, .reference = padded},
      {.op = "Pad", .label = "scalar", .inputs = {uniform({}), ints({0, 2}, {})}, .reference = padded},
  };
  OpCases plain = cases;
  for (OpCase& op_case : plain) {
    op_case.op = "PadV2";
    op_case.inputs.push_back(doubles({}, {3}));
    op_case.gradient_inputs = {0};  // as in TensorFlow, constant_values gets none
    cases.push_back(op_case);
  }
  return cases;
}

TEST(Pad, RefusesNegativeAndMissingPaddings) {
  auto refusal = [](const Tensor& paddings) {
    Result<Tensors> y = evaluate_op(op_table(), "Pad", {}, std::vector{iota({2}), paddings});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal(ints({1, 2}, {0, -9})),
            "Pad 'evaluate': paddings of dim 0 must be >= 0, are 0 and -9 (input f64[2], paddings i32[1,2])");
  EXPECT_NE(refusal(ints({2, 2}, {0, 0, 0, 0})), "accepted");
  EXPECT_NE(refusal(ints({2}, {0, 0})), "accepted");
  EXPECT_NE(refusal(Tensor::from<int64_t>({1, 2}, {INT64_MAX, 1})), "accepted");
}

}  // namespace
}  // namespace tarn::testing
