#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors gathered(const Tensors& in, const AttrMap& attrs) {
  const Tensor& params = in[0];
  int64_t batch = attrs.contains("batch_dims") ? attrs.get<int64_t>("batch_dims") : 0;
  if (batch < 0) batch += in[1].shape().rank();
  int64_t axis = in.size() > 2 ? int_list(in[2])[0] : batch;
  if (axis < 0) axis += params.shape().rank();
  Tensor indices = to_double(in[1]);
  Shape shape;
  for (int d = 0; d < axis; ++d) shape.add_dim(params.shape().dim(d));
  for (int d = static_cast<int>(batch); d < indices.shape().rank(); ++d) shape.add_dim(indices.shape().dim(d));
  for (int d = static_cast<int>(axis) + 1; d < params.shape().rank(); ++d) shape.add_dim(params.shape().dim(d));
  return {by_index(shape, [&](const Index& index) {
    Index which(index.begin(), index.begin() + batch);
    which.insert(which.end(), index.begin() + axis, index.begin() + axis + indices.shape().rank() - batch);
    Index from(index.begin(), index.begin() + axis);
    from.push_back(static_cast<int64_t>(at(indices, which)));
    from.insert(from.end(), index.begin() + axis + indices.shape().rank() - batch, index.end());
    return at(params, from);
  })};
}

// By a handle; the variable stays as it is.
Tensors gathered_from_variable(const Tensors& in, const AttrMap& attrs) {
  return {gathered(in, attrs)[0], in[0]};
}

TARN_OP_GRADIENT_TESTED_APART(ResourceGather, "its input is a variable: tests/graph/resource_variables_test.cc");

Tensors segment_sum(const Tensors& in, const AttrMap&) {
  int64_t segments = int_list(in[2])[0];
  std::vector<int64_t> ids = int_list(in[1]);
  Shape shape{segments};
  for (int d = in[1].shape().rank(); d < in[0].shape().rank(); ++d) shape.add_dim(in[0].shape().dim(d));
  Tensor sums = *Tensor::zeros(DType::kDouble, shape);
  size_t inner = ids.empty() ? 0 : static_cast<size_t>(in[0].element_count()) / ids.size();
  for (size_t row = 0; row < ids.size(); ++row) {
    for (size_t k = 0; k < inner && ids[row] >= 0; ++k) {
      sums.mutable_flat<double>()[static_cast<size_t>(ids[row]) * inner + k] += in[0].flat<double>()[row * inner + k];
    }
  }
  return {sums};
}

TARN_OP_CASES(gather) {
  Tensor table = uniform({5, 3}), cube = uniform({2, 4, 3});
  return {
      {.op = "Gather", .label = "rows, one twice", .inputs = {table, ints({4}, {4, 0, 2, 0})}, .reference = gathered},
      {.op = "Gather",
       .label = "a matrix of indices",
       .inputs = {table, ints({2, 2}, {1, 1, 3, 4})},
       .reference = gathered},
      {.op = "Gather",
       .label = "scalar index, int64",
       .inputs = {uniform({6}), Tensor::scalar<int64_t>(5)},
       .reference = gathered},
      {.op = "Gather", .label = "nothing", .inputs = {table, ints({0}, {})}, .reference = gathered},
      {.op = "GatherV2",
       .label = "rows",
       .inputs = {table, ints({3}, {2, 2, 1}), ints({}, {0})},
       .reference = gathered},
      {.op = "GatherV2",
       .label = "middle axis",
       .inputs = {cube, ints({3}, {3, 0, 3}), ints({}, {1})},
       .reference = gathered},
      {.op = "GatherV2",
       .label = "last axis, matrix",
       .inputs = {cube, ints({2, 2}, {0, 1, 2, 0}), ints({}, {-1})},
       .reference = gathered},
      {.op = "GatherV2",
       .label = "scalar index, int16",
       .inputs = {cube, Tensor::scalar<int16_t>(1), Tensor::scalar<int64_t>(1)},
       .reference = gathered,
       .check_gradient = false /* UnsortedSegmentSum takes int16 too, but this keeps one case small */},
      {.op = "GatherV2",
       .label = "batches",
       .attrs = {{"batch_dims", 1}},
       .inputs = {cube, ints({2, 3}, {3, 0, 1, 2, 2, 0}), ints({}, {1})},
       .reference = gathered,
       .check_gradient = false /* not built: says Unimplemented */},
      {.op = "GatherV2",
       .label = "batches, last axis",
       .attrs = {{"batch_dims", -1}},
       .inputs = {cube, ints({2, 2}, {2, 0, 1, 1}), ints({}, {2})},
       .reference = gathered,
       .check_gradient = false /* not built: says Unimplemented */},
      {.op = "ResourceGather",
       .label = "rows, one twice",
       .inputs = {table, ints({4}, {4, 0, 2, 0})},
       .reference = gathered_from_variable,
       .ref_inputs = {0}},
      {.op = "ResourceGather",
       .label = "a matrix of indices, int64",
       .inputs = {cube, Tensor::from<int64_t>({2, 2}, {1, 0, 0, 1})},
       .reference = gathered_from_variable,
       .ref_inputs = {0}},
      {.op = "ResourceGather",
       .label = "batches",
       .attrs = {{"batch_dims", 1}},
       .inputs = {cube, ints({2, 3}, {3, 0, 1, 2, 2, 0})},
       .reference = gathered_from_variable,
       .ref_inputs = {0}},
      {.op = "UnsortedSegmentSum",
       .label = "rows",
       .inputs = {table, ints({5}, {1, 0, 1, 3, 1}), ints({}, {4})},
       .reference = segment_sum,
       .sum_length = 3},
      {.op = "UnsortedSegmentSum",
       .label = "scalars of a matrix",
       .inputs = {uniform({2, 2}), ints({2, 2}, {0, 1, 1, 0}), ints({}, {2})},
       .reference = segment_sum,
       .sum_length = 2},
      {.op = "UnsortedSegmentSum",
       .label = "one row left out",
       .inputs = {table, Tensor::from<int64_t>({5}, {0, -1, 2, 2, 0}), ints({}, {3})},
       .reference = segment_sum,
       .sum_length = 2,
       .check_gradient = false /* needs a mask: says Unimplemented */},
      {.op = "UnsortedSegmentSum",
       .label = "no rows",
       .inputs = {uniform({0, 2}), ints({0}, {}), ints({}, {2})},
       .reference = segment_sum},
  };
}

TEST(Gather, NamesTheIndexItsPlaceAndItsLimit) {
  for (int32_t bad : {99, -1}) {
    Result<Tensors> y = evaluate_op(op_table(), "Gather", {}, std::vector{iota({5}), ints({3}, {0, 1, bad})});

    EXPECT_EQ(y.status().message(), str_cat("Gather 'evaluate': indices[2] = ", bad, " is not in [0, 5)"));
  }
}

TEST(GatherV2, RefusesAxesAndBatchDimsOutOfRange) {
  auto code = [](const Tensors& inputs, int64_t batch_dims) {
    return evaluate_op(op_table(), "GatherV2", {{"batch_dims", batch_dims}}, inputs).status().code();
  };
  EXPECT_EQ(code({iota({2, 2}), ints({1}, {0}), ints({}, {7})}, 0), Code::kInvalidArgument);
  EXPECT_EQ(code({iota({2, 2}), ints({1}, {0}), ints({}, {INT32_MIN})}, 0), Code::kInvalidArgument);
  EXPECT_EQ(code({iota({2, 2}), ints({1}, {0}), ints({}, {0})}, -9), Code::kInvalidArgument);
  EXPECT_EQ(code({iota({}), ints({1}, {0}), ints({}, {0})}, 0), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tarn::testing
