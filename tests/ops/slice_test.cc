#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors sliced(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> begin = int_list(in[1]), size = int_list(in[2]);
  for (size_t d = 0; d < size.size(); ++d) {
    if (size[d] == -1) size[d] = in[0].shape().dim(static_cast<int>(d)) - begin[d];
  }
  return {by_index(Shape(std::span<const int64_t>(size)), [&](Index index) {
    for (size_t d = 0; d < index.size(); ++d) index[d] += begin[d];
    return at(in[0], index);
  })};
}

TARN_OP_CASES(slice) {
  auto i64 = [](std::initializer_list<int64_t> v) {
    return Tensor::from<int64_t>({static_cast<int64_t>(v.size())}, v);
  };
  return {
      {.op = "Slice",
       .label = "middle",
       .inputs = {uniform({4, 5}), ints({2}, {1, 2}), ints({2}, {2, 3})},
       .reference = sliced},
      {.op = "Slice",
       .label = "the rest",
       .inputs = {uniform({4, 5, 3}), ints({3}, {1, 0, 2}), ints({3}, {-1, -1, 1})},
       .reference = sliced},
      {.op = "Slice",
       .label = "all, int64",
       .inputs = {uniform({2, 3}), i64({0, 0}), i64({2, 3})},
       .reference = sliced},
      {.op = "Slice",
       .label = "nothing at the end",
       .inputs = {uniform({3}), ints({1}, {3}), ints({1}, {-1})},
       .reference = sliced},
      {.op = "Slice", .label = "scalar", .inputs = {uniform({}), ints({0}, {}), ints({0}, {})}, .reference = sliced},
      {.op = "Slice",
       .label = "many rows",
       .inputs = {uniform({300, 200}), ints({2}, {10, 20}), ints({2}, {280, 170})},
       .reference = sliced,
       .check_gradient = false /* large; the same code as above */},
  };
}

TEST(Slice, RefusesBoxesThatLeaveTheTensor) {
  auto refusal = [](int32_t begin, int32_t size) {
    Result<Tensors> y =
        evaluate_op(op_table(), "Slice", {}, std::vector{iota({4}), ints({1}, {begin}), ints({1}, {size})});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(
      refusal(3, 2),
      "Slice 'evaluate': begin[0] + size[0] = 3 + 2 is beyond the dim, 4 (input f64[4], begin i32[1], size i32[1])");
  EXPECT_NE(refusal(5, -1), "accepted");
  EXPECT_NE(refusal(-1, 1), "accepted");
  EXPECT_NE(refusal(0, -2), "accepted");
  EXPECT_NE(refusal(1, INT32_MAX), "accepted");
}

}  // namespace
}  // namespace tarn::testing
