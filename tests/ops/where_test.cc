#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors places(const Tensors& in, const AttrMap&) {
  Tensor x = to_double(in[0]);
  std::vector<int64_t> rows;
  by_index(x.shape(), [&](const Index& index) {
    if (at(x, index) != 0) rows.insert(rows.end(), index.begin(), index.end());
    return 0.0;
  });
  int64_t rank = x.shape().rank(), count = 0;
  for (double value : x.flat<double>()) count += value != 0 ? 1 : 0;
  return {Tensor::from<int64_t>({count, rank}, std::span<const int64_t>(rows))};
}

TARN_OP_CASES(where) {
  auto where = [](const char* label, const Tensor& x) {
    return OpCase{.op = "Where", .label = label, .inputs = {x}, .reference = places, .dynamic_shape = true};
  };
  return {
      where("vector", doubles({5}, {0, 1, 2, 0, 3})),
      where("matrix", doubles({2, 3}, {0, 1, 0, -2, 0, 1})),
      where("4d", map(uniform({2, 3, 4, 5}), [](double v) { return v < 0 ? 0.0 : std::ceil(4 * v); })),
      where("all", doubles({2, 2}, {1, 1, 1, 1})),
      where("none", doubles({3}, {0, 0, 0})),
      where("empty", doubles({2, 0}, {})),
      where("true scalar", doubles({}, {1})),
  };
}

TEST(Where, CountsNanAsThereAndNegativeZeroAsNot) {
  Tensor x = Tensor::from<float>({4}, {NAN, -0.0f, INFINITY, 0.0f});

  Tensors y = *evaluate_op(op_table(), "Where", {}, std::vector{x});

  EXPECT_EQ(int_list(y[0]), (std::vector<int64_t>{0, 2}));
}

}  // namespace
}  // namespace tarn::testing
