#include <gtest/gtest.h>

#include <algorithm>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors reversed_along(const Tensor& x, const std::vector<bool>& reversed) {
  return {by_index(x.shape(), [&](Index index) {
    for (size_t d = 0; d < index.size(); ++d) {
      if (reversed[d]) index[d] = x.shape().dim(static_cast<int>(d)) - 1 - index[d];
    }
    return at(x, index);
  })};
}

Tensors by_axes(const Tensors& in, const AttrMap&) {
  auto rank = static_cast<size_t>(in[0].shape().rank());
  std::vector<bool> reversed(rank);
  for (int64_t axis : int_list(in[1])) reversed[(static_cast<size_t>(axis) + rank) % rank] = true;
  return reversed_along(in[0], reversed);
}

Tensors by_marks(const Tensors& in, const AttrMap&) {
  std::span<const bool> marks = in[1].flat<bool>();
  return reversed_along(in[0], std::vector<bool>(marks.begin(), marks.end()));
}

TARN_OP_CASES(reverse) {
  Tensor cube = uniform({2, 3, 4});
  Tensor both = Tensor::from<int64_t>({2}, {0, -1});
  return {
      {.op = "ReverseV2", .label = "vector", .inputs = {uniform({5}), ints({1}, {0})}, .reference = by_axes},
      {.op = "ReverseV2", .label = "middle", .inputs = {cube, ints({1}, {1})}, .reference = by_axes},
      {.op = "ReverseV2", .label = "outer and inner, int64", .inputs = {cube, both}, .reference = by_axes},
      {.op = "ReverseV2", .label = "all", .inputs = {cube, ints({3}, {2, 0, 1})}, .reference = by_axes},
      {.op = "ReverseV2", .label = "no axis", .inputs = {cube, ints({0}, {})}, .reference = by_axes},
      {.op = "ReverseV2", .label = "empty", .inputs = {uniform({0, 2}), ints({1}, {0})}, .reference = by_axes},
      {.op = "ReverseV2", .label = "scalar", .inputs = {uniform({}), ints({0}, {})}, .reference = by_axes},
      {.op = "Reverse",
       .label = "vector",
       .inputs = {uniform({5}), Tensor::from<bool>({1}, {true})},
       .reference = by_marks},
      {.op = "Reverse",
       .label = "two of three",
       .inputs = {cube, Tensor::from<bool>({3}, {true, false, true})},
       .reference = by_marks},
      {.op = "Reverse",
       .label = "none",
       .inputs = {uniform({2, 3}), Tensor::from<bool>({2}, {false, false})},
       .reference = by_marks},
  };
}

TEST(ReverseV2, RefusesAxesOutOfRangeOrThereTwice) {
  auto refusal = [](const Tensor& axis) {
    Result<Tensors> y = evaluate_op(op_table(), "ReverseV2", {}, std::vector{iota({2, 2}), axis});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal(ints({1}, {2})),
            "ReverseV2 'evaluate': axis 2 is out of range for rank 2: expected [-2, 2) (tensor f64[2,2], axis i32[1])");
  EXPECT_NE(refusal(ints({2}, {1, -1})).find("axis 1 is there twice in [1, -1]"), std::string::npos);
  EXPECT_NE(refusal(ints({}, {0})), "accepted");
}

}  // namespace
}  // namespace tarn::testing
