#include <gtest/gtest.h>

#include <algorithm>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// From the definition: an axis is summed for a side that has 1 there (or nothing) in an output that had to stretch; a 1
// on both sides counts for both unless the shapes are equal.
Tensors args(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> s[2] = {int_list(in[0]), int_list(in[1])};
  size_t rank = std::max(s[0].size(), s[1].size());
  Tensors out;
  for (int side = 0; side < 2; ++side) {
    std::vector<double> axes;
    for (size_t d = 0; d < rank && s[0] != s[1]; ++d) {
      size_t missing = rank - s[side].size();
      if (d < missing || s[side][d - missing] == 1) axes.push_back(static_cast<double>(d));
    }
    out.push_back(to_dtype(Tensor::vector<double>(axes), in[0].dtype()));
  }
  return out;
}

TARN_OP_CASES(broadcast_gradient_args) {
  auto of = [](std::initializer_list<int32_t> a, std::initializer_list<int32_t> b) {
    return Tensors{ints({static_cast<int64_t>(a.size())}, a), ints({static_cast<int64_t>(b.size())}, b)};
  };
  std::string op = "BroadcastGradientArgs";
  return {
      {.op = op, .label = "one side stretched", .inputs = of({2, 3, 1}, {2, 1, 4}), .reference = args},
      {.op = op, .label = "missing dims", .inputs = of({4}, {2, 3, 4}), .reference = args},
      {.op = op, .label = "equal", .inputs = of({2, 1}, {2, 1}), .reference = args},
      {.op = op, .label = "scalar", .inputs = of({}, {2, 3}), .reference = args},
      {.op = op, .label = "1 on both", .inputs = of({1, 3}, {1, 1}), .reference = args},
      {.op = op,
       .label = "int64",
       .inputs = {Tensor::from<int64_t>({2}, {5, 1}), Tensor::from<int64_t>({1}, {7})},
       .reference = args},
  };
}

TEST(BroadcastGradientArgs, NamesShapesThatDoNotBroadcast) {
  Result<Tensors> y =
      evaluate_op(op_table(), "BroadcastGradientArgs", {}, std::vector{ints({2}, {2, 3}), ints({1}, {4})});

  EXPECT_NE(y.status().message().find("incompatible shapes for broadcasting: [2, 3] and [4]"), std::string_view::npos)
      << y.status().message();
}

}  // namespace
}  // namespace tarn::testing
