#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors ranges(const Tensors& in, const AttrMap& attrs) {
  size_t count = 1;
  for (const Tensor& x : in) count = x.shape().rank() > 0 ? static_cast<size_t>(x.element_count()) : count;
  auto value = [&](size_t input, size_t i) { return in[input].flat<double>()[in[input].shape().rank() > 0 ? i : 0]; };
  std::vector<double> values;
  std::vector<int64_t> splits = {0};
  for (size_t i = 0; i < count; ++i) {
    double delta = value(2, i);
    for (double at = value(0, i); delta > 0 ? at < value(1, i) : at > value(1, i); at += delta) values.push_back(at);
    splits.push_back(static_cast<int64_t>(values.size()));
  }
  Shape shape{static_cast<int64_t>(splits.size())};
  Tensor dense = Tensor::vector<double>(std::span<const double>(values));
  if (attrs.get<DType>("Tsplits") == DType::kInt64) {
    return {Tensor::from<int64_t>(shape, std::span<const int64_t>(splits)), dense};
  }
  std::vector<int32_t> narrow(splits.begin(), splits.end());
  return {Tensor::from<int32_t>(shape, std::span<const int32_t>(narrow)), dense};
}

TARN_OP_CASES(ragged_range) {
  auto range_case = [](const char* label, Tensor starts, Tensor limits, Tensor deltas, DType splits) {
    return OpCase{.op = "RaggedRange",
                  .label = label,
                  .attrs = {{"Tsplits", splits}},
                  .inputs = {std::move(starts), std::move(limits), std::move(deltas)},
                  .reference = ranges,
                  .dynamic_shape = true};
  };
  return {
      range_case("vectors", doubles({3}, {0, 5, 8}), doubles({3}, {3, 5, 12}), doubles({3}, {1, 2, 3}), DType::kInt64),
      range_case("scalars", doubles({}, {1}), doubles({}, {6}), doubles({}, {2}), DType::kInt32),
      range_case("downwards", doubles({2}, {3, 0}), doubles({}, {0}), doubles({}, {-1}), DType::kInt64),
      range_case("no ranges", doubles({0}, {}), doubles({}, {1}), doubles({}, {1}), DType::kInt64),
  };
}

TEST(RaggedRange, NamesTheRangeWithoutAStep) {
  auto y = evaluate_op(op_table(), "RaggedRange", {},
                       std::vector<Tensor>{ints({2}, {0, 1}), ints({2}, {3, 3}), ints({2}, {1, 0})});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().message(), "RaggedRange 'evaluate': range 1: a delta is 0");
}

}  // namespace
}  // namespace tarn::testing
