#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors add(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> indices = int_list(in[0]);
  auto rank = static_cast<size_t>(in[3].shape().rank());
  return {by_index(in[3].shape(), [&](const Index& index) {
    double sum = at(in[3], index);
    for (size_t i = 0; i < static_cast<size_t>(in[1].element_count()); ++i) {
      bool here = std::equal(index.begin(), index.end(), indices.begin() + static_cast<std::ptrdiff_t>(i * rank));
      if (here) sum += in[1].flat<double>()[i];
    }
    return sum;
  })};
}

TARN_OP_CASES(sparse_tensor_dense_add) {
  return {
      {.op = "SparseTensorDenseAdd",
       .label = "a matrix, one place twice",
       .inputs = {ints({3, 2}, {0, 1, 1, 2, 0, 1}), uniform({3}), ints({2}, {2, 3}), uniform({2, 3}, -1, 1, 2)},
       .reference = add,
       .sum_length = 3},
      {.op = "SparseTensorDenseAdd",
       .label = "a vector, int64",
       .inputs = {Tensor::from<int64_t>({2, 1}, {3, 0}), uniform({2}), Tensor::from<int64_t>({1}, {4}), uniform({4})},
       .reference = add},
      {.op = "SparseTensorDenseAdd",
       .label = "nothing",
       .inputs = {ints({0, 2}, {}), uniform({0}), ints({2}, {1, 2}), uniform({1, 2})},
       .reference = add},
  };
}

TEST(SparseTensorDenseAdd, NamesTheIndexOutOfRange) {
  auto y = evaluate_op(op_table(), "SparseTensorDenseAdd", {},
                       std::vector<Tensor>{ints({1, 2}, {1, 3}), iota({1}), ints({2}, {2, 3}), iota({2, 3})});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().message(), "SparseTensorDenseAdd 'evaluate': a_indices[0,1] = 3 is not in [0, 3)");
}

}  // namespace
}  // namespace tarn::testing
