// SparseFillEmptyRows, SparseReshape, SparseTensorDenseMatMul, SparseReorder, SparseConcat, SparseSlice. Their values
// are TensorFlow's goldens; beside them stand the cases that gradients are checked with.
#include <gtest/gtest.h>

#include <map>

#include "tests/ops/golden_cases.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_CASES(sparse_goldens) {
  return golden_cases("sparse", {"SparseFillEmptyRows", "SparseReshape", "SparseTensorDenseMatMul", "SparseReorder",
                                 "SparseConcat", "SparseSlice", "DenseBincount"});
}

Tensor longs(const Shape& shape, std::initializer_list<int64_t> values) {
  return Tensor::from<int64_t>(shape, values);
}

// Element by element: what a sparse matrix has at (row, column), 0 if nothing.
double sparse_at(const Tensors& in, int64_t row, int64_t column) {
  std::vector<int64_t> indices = int_list(in[0]);
  double sum = 0;
  for (size_t i = 0; i < indices.size() / 2; ++i) {
    if (indices[2 * i] == row && indices[2 * i + 1] == column) sum += in[1].flat<double>()[i];
  }
  return sum;
}

Tensors product(const Tensors& in, const AttrMap& attrs) {
  bool adjoint_a = attrs.get<bool>("adjoint_a"), adjoint_b = attrs.get<bool>("adjoint_b");
  std::vector<int64_t> a = int_list(in[2]);
  int64_t rows = a[adjoint_a ? 1 : 0], inner = a[adjoint_a ? 0 : 1];
  return {by_index({rows, in[3].shape().dim(adjoint_b ? 0 : 1)}, [&](const Index& index) {
    double sum = 0;
    for (int64_t k = 0; k < inner; ++k) {
      double left = adjoint_a ? sparse_at(in, k, index[0]) : sparse_at(in, index[0], k);
      sum += left * (adjoint_b ? at(in[3], {index[1], k}) : at(in[3], {k, index[1]}));
    }
    return sum;
  })};
}

// (row, column) of three elements -> the values in the order of their indices.
Tensors reordered(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> indices = int_list(in[0]), sorted;
  std::multimap<Index, double> elements;
  for (size_t i = 0; i < indices.size() / 2; ++i) {
    elements.insert({{indices[2 * i], indices[2 * i + 1]}, in[1].flat<double>()[i]});
  }
  std::vector<double> values;
  for (const auto& [index, value] : elements) {
    sorted.insert(sorted.end(), index.begin(), index.end());
    values.push_back(value);
  }
  return {Tensor::from<int64_t>(in[0].shape(), std::span<const int64_t>(sorted)),
          Tensor::from<double>(in[1].shape(), std::span<const double>(values))};
}

TARN_OP_CASES(sparse) {
  OpCases cases;
  Tensor places = longs({4, 2}, {0, 1, 2, 0, 1, 1, 2, 0});  // one of them twice
  for (bool adjoint_a : {false, true}) {
    for (bool adjoint_b : {false, true}) {
      Shape b = adjoint_b ? Shape{4, adjoint_a ? 3 : 2} : Shape{adjoint_a ? 3 : 2, 4};
      cases.push_back({.op = "SparseTensorDenseMatMul",
                       .label = str_cat("adjoint ", adjoint_a, adjoint_b),
                       .attrs = {{"adjoint_a", adjoint_a}, {"adjoint_b", adjoint_b}},
                       .inputs = {places, uniform({4}), longs({2}, {3, 2}), uniform(b)},
                       .reference = product,
                       .sum_length = 3,
                       .dynamic_shape = true});
    }
  }
  cases.push_back({.op = "SparseTensorDenseMatMul",
                   .label = "nothing, int32",
                   .inputs = {ints({0, 2}, {}), uniform({0}), longs({2}, {2, 3}), uniform({3, 2})},
                   .reference = product,
                   .dynamic_shape = true});
  cases.push_back({.op = "SparseReorder",
                   .label = "gradient",
                   .inputs = {longs({3, 2}, {2, 1, 0, 1, 0, 0}), uniform({3}), longs({2}, {3, 2})},
                   .reference = reordered,
                   .numbers_only = true});
  // Row 1 is empty; the elements are not in the order of the rows.
  cases.push_back(
      {.op = "SparseFillEmptyRows",
       .label = "gradient",
       .inputs = {longs({3, 2}, {2, 1, 0, 1, 2, 0}), doubles({3}, {1, 2, 3}), longs({2}, {3, 2}), doubles({}, {9})},
       .reference =
           [](const Tensors& in, const AttrMap&) {
             auto x = in[1].flat<double>();
             return Tensors{longs({4, 2}, {0, 1, 1, 0, 2, 1, 2, 0}),
                            doubles({4}, {x[1], in[3].flat<double>()[0], x[0], x[2]}),
                            Tensor::from<bool>({3}, {false, true, false}), longs({3}, {2, 0, 3})};
           },
       .numbers_only = true,
       .dynamic_shape = true});
  cases.push_back({.op = "SparseSlice",
                   .label = "gradient",
                   .inputs = {longs({3, 2}, {0, 1, 1, 0, 1, 2}), doubles({3}, {1, 2, 3}), longs({2}, {2, 3}),
                              longs({2}, {0, 1}), longs({2}, {2, 9})},
                   .reference =
                       [](const Tensors& in, const AttrMap&) {
                         auto x = in[1].flat<double>();
                         return Tensors{longs({2, 2}, {0, 0, 1, 1}), doubles({2}, {x[0], x[2]}), longs({2}, {2, 2})};
                       },
                   .numbers_only = true,
                   .dynamic_shape = true});
  return cases;
}

std::string refusal(const char* op, const AttrMap& attrs, const Tensors& inputs) {
  Result<Tensors> y = evaluate_op(op_table(), op, attrs, inputs);
  return y.ok() ? "accepted" : std::string(y.status().message());
}

void expect_refusal(const char* op, const Tensors& inputs, std::string_view words, const AttrMap& attrs = {}) {
  std::string message = refusal(op, attrs, inputs);
  EXPECT_NE(message.find(words), std::string::npos) << message << "\n  without: " << words;
}

// TensorFlow's words.
TEST(SparseFillEmptyRows, RefusesWhatTensorFlowRefuses) {
  Tensor indices = longs({2, 2}, {0, 1, 2, 0}), values = iota({2}), fill = doubles({}, {0});
  auto expect = [&](const Tensors& inputs, std::string_view words) {
    expect_refusal("SparseFillEmptyRows", inputs, words);
  };

  expect({indices, values, longs({2}, {2, 2}), fill}, "indices(1, 0) is invalid: 2 >= 2");
  expect({longs({2, 2}, {0, 1, -2, 0}), values, longs({2}, {2, 2}), fill}, "indices(1, 0) is invalid: -2 >= 2");
  expect({indices, values, longs({2}, {0, 2}), fill},
         "Received SparseTensor with dense_shape[0] = 0 but indices.shape[0] = 2");
  expect({indices, iota({1}), longs({2}, {4, 2}), fill},
         "The length of `values` (1) must match the first dimension of `indices` (2).");
  expect({indices, values, longs({1}, {4}), fill},
         "The length of `dense_shape` (1) must match the second dimension of `indices` (2).");
  expect({longs({2}, {0, 1}), values, longs({2}, {4, 2}), fill}, "indices must be a matrix, saw: [2]");
  expect({longs({0, 0}, {}), iota({0}), longs({0}, {}), fill}, "Dense shape cannot be empty.");
  expect({indices, values, longs({2}, {int64_t{1} << 60, 2}), fill}, "SparseFillEmptyRows");
  expect_refusal("SparseFillEmptyRowsGrad", {longs({2}, {0, 5}), iota({4})},
                 "Elements in reverse index must be in [0, 4) but got 5");
}

TEST(SparseReshape, RefusesWhatTensorFlowRefuses) {
  Tensor indices = longs({2, 2}, {0, 1, 2, 0}), shape = longs({2}, {3, 2});
  auto expect = [&](std::initializer_list<int64_t> wanted, std::string_view words) {
    expect_refusal("SparseReshape", {indices, shape, longs({static_cast<int64_t>(wanted.size())}, wanted)}, words);
  };

  expect({-1, -1}, "only one output dimension may be -1, not both 0 and 1");
  expect({-2, 3}, "size 0 must be non-negative, not -2");
  expect({4, -1},
         "Input to reshape is a SparseTensor with 6 dense values, but the requested shape requires a multiple of 4");
  expect({4, 2},
         "Input to reshape is a tensor with 6 dense values, but the requested shape has 8. input_shape=[3,2] "
         "output_shape=[4,2]");
  expect({0, -1}, "reshape cannot infer the missing input size for an empty tensor");
  expect_refusal("SparseReshape", {indices, longs({2}, {0, 2}), longs({2}, {0, 3})}, "is empty");
  expect_refusal("SparseReshape", {indices, longs({2}, {int64_t{1} << 62, int64_t{1} << 62}), longs({1}, {6})},
                 "more elements than can be counted");
}

TEST(SparseTensorDenseMatMul, RefusesWhatTensorFlowRefuses) {
  Tensor indices = longs({2, 2}, {0, 1, 2, 0}), values = iota({2}), b = iota({2, 3});
  auto expect = [&](const Tensor& at, const Tensor& shape, std::string_view words) {
    expect_refusal("SparseTensorDenseMatMul", {at, values, shape, b}, words);
  };

  expect(indices, longs({2}, {3, 3}), "inner dimension does not match: 3 vs. 2");
  expect(indices, longs({2}, {2, 2}), "m (2) from index[1,0] out of bounds (>=2)");
  expect(longs({2, 2}, {1, 0, 0, 2}), longs({2}, {3, 2}), "k (2) from index[1,1] out of bounds (>=2)");
  expect(indices, longs({2}, {-3, 2}), "must not be negative");
  expect(indices, longs({3}, {3, 2, 1}), "must match the second dimension");
}

TEST(SparseConcat, NamesTheShapesThatDiffer) {
  Tensor a = longs({1, 2}, {0, 1}), x = iota({1});
  auto expect = [&](const Tensor& second, int axis, std::string_view words) {
    expect_refusal("SparseConcat", {a, a, x, x, longs({2}, {3, 4}), second}, words, {{"concat_dim", axis}, {"N", 2}});
  };

  expect(longs({2}, {3, 2}), 0, "expected 4 for dimension 1 but got 2 at position 1");
  expect(longs({2}, {3, 4}), 2, "Concat dimension must be in range [-2, 2), got 2");
}

TEST(SparseSlice, RefusesANegativeSize) {
  expect_refusal("SparseSlice", {longs({1, 1}, {0}), iota({1}), longs({1}, {3}), longs({1}, {0}), longs({1}, {-1})},
                 "Expected a non-negative size, got -1");
}

}  // namespace
}  // namespace tarn::testing
