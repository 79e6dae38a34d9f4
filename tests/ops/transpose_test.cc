#include <gtest/gtest.h>

#include <algorithm>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors transposed(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> perm = int_list(in[1]);
  int64_t rank = in[0].shape().rank();
  Shape shape = in[0].shape();
  for (size_t d = 0; d < perm.size(); ++d) {
    if (perm[d] < 0) perm[d] += rank;
    shape.set_dim(static_cast<int>(d), in[0].shape().dim(static_cast<int>(perm[d])));
  }
  return {by_index(shape, [&](const Index& index) {
    Index from(index.size());
    for (size_t d = 0; d < index.size(); ++d) from[static_cast<size_t>(perm[d])] = index[d];
    return at(in[0], from);
  })};
}

Tensors inverted(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> x = int_list(in[0]);
  return {to_dtype(
      by_index(in[0].shape(),
               [&](const Index& i) { return static_cast<double>(std::find(x.begin(), x.end(), i[0]) - x.begin()); }),
      in[0].dtype())};
}

TARN_OP_CASES(transpose) {
  return {
      {.op = "Transpose", .label = "matrix", .inputs = {uniform({3, 4}), ints({2}, {1, 0})}, .reference = transposed},
      {.op = "Transpose",
       .label = "NHWC to NCHW",
       .inputs = {uniform({2, 3, 4, 5}), ints({4}, {0, 3, 1, 2})},
       .reference = transposed},
      {.op = "Transpose",
       .label = "back, int64",
       .inputs = {uniform({2, 5, 3, 4}), Tensor::from<int64_t>({4}, {0, 2, 3, 1})},
       .reference = transposed},
      {.op = "Transpose",
       .label = "nothing moves",
       .inputs = {uniform({2, 3}), ints({2}, {0, 1})},
       .reference = transposed},
      {.op = "Transpose", .label = "scalar", .inputs = {uniform({}), ints({0}, {})}, .reference = transposed},
      {.op = "Transpose", .label = "empty", .inputs = {uniform({0, 3}), ints({2}, {1, 0})}, .reference = transposed},
      {.op = "Transpose",
       .label = "more than one range",
       .inputs = {uniform({190, 200}), ints({2}, {1, 0})},
       .reference = transposed,
       .check_gradient = false /* large; the same code as above */},
      {.op = "InvertPermutation", .label = "three", .inputs = {ints({3}, {2, 0, 1})}, .reference = inverted},
      {.op = "InvertPermutation",
       .label = "int64",
       .inputs = {Tensor::from<int64_t>({4}, {3, 1, 0, 2})},
       .reference = inverted},
      {.op = "InvertPermutation", .label = "empty", .inputs = {ints({0}, {})}, .reference = inverted},
  };
}

TEST(Transpose, RefusesWhatIsNoPermutation) {
  auto refusal = [](std::initializer_list<int32_t> perm) {
    Result<Tensors> y = evaluate_op(op_table(), "Transpose", {},
                                    std::vector{iota({2, 3}), ints({static_cast<int64_t>(perm.size())}, perm)});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal({1, 1}), "Transpose 'evaluate': 1 is duplicated in perm [1, 1] (x f64[2,3], perm i32[2])");
  EXPECT_EQ(refusal({0, 7}), "Transpose 'evaluate': perm[1] = 7 is out of range for 2 dims (x f64[2,3], perm i32[2])");
  EXPECT_NE(refusal({0}), "accepted");
  EXPECT_NE(refusal({0, -3}), "accepted");
  EXPECT_EQ(refusal({-1, 0}), "accepted");  // counted from the end
}

}  // namespace
}  // namespace tarn::testing
