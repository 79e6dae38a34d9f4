#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// The coordinates in row `index[:-1]` of indices, then those within the slice.
Index place_of(const Tensor& indices, const Index& index) {
  int rank = indices.shape().rank();
  Index row(index.begin(), index.begin() + rank - 1), place;
  for (int64_t k = 0; k < indices.shape().dim(-1); ++k) {
    row.push_back(k);
    place.push_back(static_cast<int64_t>(at(indices, row)));
    row.pop_back();
  }
  place.insert(place.end(), index.begin() + rank - 1, index.end());
  return place;
}

Tensors gathered(const Tensors& in, const AttrMap&) {
  Tensor indices = to_double(in[1]);
  Shape shape;
  for (int d = 0; d + 1 < indices.shape().rank(); ++d) shape.add_dim(indices.shape().dim(d));
  for (int d = static_cast<int>(indices.shape().dim(-1)); d < in[0].shape().rank(); ++d) {
    shape.add_dim(in[0].shape().dim(d));
  }
  return {by_index(shape, [&](const Index& index) { return at(in[0], place_of(indices, index)); })};
}

// By a handle; the variable stays as it is.
Tensors gathered_from_variable(const Tensors& in, const AttrMap& attrs) {
  return {gathered(in, attrs)[0], in[0]};
}
TARN_OP_GRADIENT_TESTED_APART(ResourceGatherNd, "its input is a variable: tests/graph/resource_variables_test.cc");

Tensors scattered(const Tensors& in, const AttrMap&) {
  Tensor indices = to_double(in[0]);
  Shape shape(int_list(in[2]));
  return {by_index(shape, [&](const Index& wanted) {
    double sum = 0;
    by_index(in[1].shape(), [&](const Index& index) {
      if (place_of(indices, index) == wanted) sum += at(in[1], index);
      return 0.0;
    });
    return sum;
  })};
}

TARN_OP_CASES(gather_nd) {
  Tensor table = uniform({4, 3}), cube = uniform({2, 3, 4});
  Tensor rows = ints({3, 1}, {2, 0, 2}), cells = Tensor::from<int64_t>({2, 2, 2}, {0, 1, 3, 2, 0, 1, 1, 0});
  Tensor whole = ints({2, 0}, {});
  return {
      {.op = "GatherNd", .label = "rows", .inputs = {table, rows}, .reference = gathered},
      {.op = "GatherNd", .label = "cells, one twice", .inputs = {table, cells}, .reference = gathered},
      {.op = "GatherNd",
       .label = "vectors of a cube",
       .inputs = {cube, ints({2, 2}, {1, 2, 0, 0})},
       .reference = gathered},
      {.op = "GatherNd", .label = "one element", .inputs = {cube, ints({3}, {1, 2, 3})}, .reference = gathered},
      {.op = "GatherNd", .label = "the whole, twice", .inputs = {uniform({2}), whole}, .reference = gathered},
      {.op = "GatherNd",
       .label = "int16",
       .inputs = {table, Tensor::from<int16_t>({1, 2}, {3, 1})},
       .reference = gathered},
      {.op = "GatherNd", .label = "nothing", .inputs = {table, ints({0, 2}, {})}, .reference = gathered},
      {.op = "ResourceGatherNd",
       .label = "rows",
       .inputs = {table, rows},
       .reference = gathered_from_variable,
       .ref_inputs = {0}},
      {.op = "ResourceGatherNd",
       .label = "cells, int64",
       .inputs = {table, cells},
       .reference = gathered_from_variable,
       .ref_inputs = {0}},
      {.op = "ResourceGatherNd",
       .label = "nothing",
       .inputs = {table, ints({0, 2}, {})},
       .reference = gathered_from_variable,
       .ref_inputs = {0}},
      {.op = "ScatterNd",
       .label = "rows, one twice",
       .inputs = {rows, uniform({3, 3}), ints({2}, {4, 3})},
       .reference = scattered,
       .sum_length = 2},
      {.op = "ScatterNd",
       .label = "cells, one twice",
       .inputs = {cells, uniform({2, 2}), Tensor::from<int64_t>({2}, {4, 3})},
       .reference = scattered,
       .sum_length = 2},
      {.op = "ScatterNd",
       .label = "vectors of a cube",
       .inputs = {ints({2, 2}, {1, 2, 0, 0}), uniform({2, 4}), ints({3}, {2, 3, 4})},
       .reference = scattered},
      {.op = "ScatterNd",
       .label = "the whole, twice",
       .inputs = {whole, uniform({2, 3}), ints({1}, {3})},
       .reference = scattered,
       .sum_length = 2},
      {.op = "ScatterNd",
       .label = "nothing",
       .inputs = {ints({0, 1}, {}), uniform({0, 2}), ints({2}, {3, 2})},
       .reference = scattered},
  };
}

TEST(GatherNd, NamesTheRowItsNumbersAndTheShape) {
  Tensor params = iota({2, 3});
  auto refusal = [&](const Tensor& indices) {
    Result<Tensors> y = evaluate_op(op_table(), "GatherNd", {}, std::vector{params, indices});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal(ints({2, 2}, {1, 2, 0, 99})),
            "GatherNd 'evaluate': row 1 of indices names [0, 99], which is not in params [2,3]");
  EXPECT_NE(refusal(ints({1, 1}, {-1})), "accepted");
  EXPECT_NE(refusal(ints({1, 3}, {0, 0, 0})).find("is too long for params [2,3]"), std::string::npos);
  EXPECT_NE(refusal(ints({}, {0})), "accepted");
  params = iota({0, 3});
  EXPECT_NE(refusal(ints({1, 1}, {0})), "accepted");
}

TEST(ScatterNd, RefusesIndicesShapesAndUpdatesThatDoNotFit) {
  auto refusal = [](const Tensor& indices, const Tensor& updates, const Tensor& shape) {
    Result<Tensors> y = evaluate_op(op_table(), "ScatterNd", {}, std::vector{indices, updates, shape});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal(ints({1, 1}, {99}), iota({1, 2}), ints({2}, {4, 2})),
            "ScatterNd 'evaluate': row 0 of indices names [99], which is not in shape [4,2]");
  EXPECT_NE(refusal(ints({1, 1}, {0}), iota({1, 2}), ints({2}, {4, -2})), "accepted");
  EXPECT_NE(refusal(ints({1, 1}, {0}), iota({1, 3}), ints({2}, {4, 2})).find("updates must have shape [1,2]"),
            std::string::npos);
  EXPECT_NE(refusal(ints({1, 1}, {0}), iota({1}), ints({2}, {INT32_MAX, INT32_MAX})), "accepted");
}

TEST(ScatterNd, WrapsIntegers) {
  Tensors in = {ints({2, 1}, {0, 0}), ints({2}, {INT32_MAX, 1}), ints({1}, {1})};

  Tensors y = *evaluate_op(op_table(), "ScatterNd", {}, in);

  EXPECT_EQ(y[0].item<int32_t>(), INT32_MIN);
}

}  // namespace
}  // namespace tarn::testing
