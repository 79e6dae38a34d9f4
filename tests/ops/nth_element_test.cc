#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors nth(const Tensors& in, const AttrMap& attrs) {
  const Shape& shape = in[0].shape();
  auto n = static_cast<size_t>(int_list(in[1])[0]), columns = static_cast<size_t>(shape.dim(-1));
  Tensor y = *Tensor::zeros(DType::kDouble, Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 1))));
  for (size_t row = 0; row < static_cast<size_t>(y.element_count()); ++row) {
    std::span<const double> from = in[0].flat<double>().subspan(row * columns, columns);
    std::vector<double> sorted(from.begin(), from.end());
    std::sort(sorted.begin(), sorted.end());
    if (attrs.get<bool>("reverse")) std::reverse(sorted.begin(), sorted.end());
    y.mutable_flat<double>()[row] = sorted[n];
  }
  return {y};
}

TARN_OP_CASES(nth_element) {
  auto nth_case = [](const char* label, Tensor x, int32_t n, bool reverse) {
    return OpCase{.op = "NthElement",
                  .label = label,
                  .attrs = {{"reverse", reverse}},
                  .inputs = {std::move(x), ints({}, {n})},
                  .reference = nth};
  };
  return {
      nth_case("a vector", uniform({7}), 3, false),
      nth_case("the smallest", uniform({2, 3, 5}), 0, false),
      nth_case("the second largest", uniform({3, 4}), 1, true),
      nth_case("empty", uniform({0, 3}), 2, false),
  };
}

TEST(NthElement, PutsNanLast) {
  auto y = evaluate_op(op_table(), "NthElement", {}, std::vector<Tensor>{doubles({3}, {NAN, 1, 2}), ints({}, {1})});

  ASSERT_TRUE(y.ok());
  EXPECT_EQ((*y)[0].item<double>(), 2);
}

TEST(NthElement, RefusesMoreThanThereAre) {
  auto y = evaluate_op(op_table(), "NthElement", {}, std::vector<Tensor>{iota({2, 3}), ints({}, {3})});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().message(),
            "NthElement 'evaluate': n = 3 must be below the last dim of input [2,3] (input f64[2,3], n i32[])");
}

}  // namespace
}  // namespace tarn::testing
