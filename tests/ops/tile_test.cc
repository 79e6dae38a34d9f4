#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors tiled(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> multiples = int_list(in[1]);
  Shape shape = in[0].shape();
  for (int d = 0; d < shape.rank(); ++d) shape.set_dim(d, shape.dim(d) * multiples[static_cast<size_t>(d)]);
  return {by_index(shape, [&](Index index) {
    for (size_t d = 0; d < index.size(); ++d) index[d] %= in[0].shape().dim(static_cast<int>(d));
    return at(in[0], index);
  })};
}

TARN_OP_CASES(tile) {
  return {
      {.op = "Tile", .label = "2d", .inputs = {uniform({2, 3}), ints({2}, {2, 3})}, .reference = tiled},
      {.op = "Tile",
       .label = "vector, int64",
       .inputs = {uniform({3}), Tensor::from<int64_t>({1}, {4})},
       .reference = tiled},
      {.op = "Tile",
       .label = "one dim of three",
       .inputs = {uniform({2, 3, 2}), ints({3}, {1, 2, 1})},
       .reference = tiled},
      {.op = "Tile", .label = "scalar", .inputs = {uniform({}), ints({0}, {})}, .reference = tiled},
      {.op = "Tile", .label = "to nothing", .inputs = {uniform({2, 3}), ints({2}, {0, 2})}, .reference = tiled},
  };
}

TEST(Tile, RefusesMultiplesThatAreNegativeOrTooMany) {
  auto refusal = [](std::initializer_list<int32_t> multiples) {
    Result<Tensors> y =
        evaluate_op(op_table(), "Tile", {},
                    std::vector{iota({200, 300}), ints({static_cast<int64_t>(multiples.size())}, multiples)});
    return y.ok() ? Code::kOk : y.status().code();
  };
  EXPECT_EQ(refusal({-1, 1}), Code::kInvalidArgument);
  EXPECT_EQ(refusal({1}), Code::kInvalidArgument);
  EXPECT_EQ(refusal({INT32_MAX, INT32_MAX}), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tarn::testing
