// Gradients of ops that put elements elsewhere; their values are compared with TensorFlow's (golden_ops_test.cc).
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors stitched(const Tensors& in, const AttrMap&) {
  size_t count = in.size() / 2;
  int64_t last = -1;
  for (size_t i = 0; i < count; ++i) {
    for (int64_t index : int_list(in[i])) last = std::max(last, index);
  }
  return {by_index({last + 1, 2}, [&](const Index& at_index) {
    double value = 0;
    for (size_t i = 0; i < count; ++i) {
      std::vector<int64_t> indices = int_list(in[i]);
      for (size_t k = 0; k < indices.size(); ++k) {
        if (indices[k] == at_index[0]) value = at(in[count + i], {static_cast<int64_t>(k), at_index[1]});
      }
    }
    return value;
  })};
}

Tensors partitioned(const Tensors& in, const AttrMap& attrs) {
  Tensors outputs;
  std::vector<int64_t> partitions = int_list(in[1]);
  for (int64_t p = 0; p < attrs.get<int64_t>("num_partitions"); ++p) {
    std::vector<int64_t> rows;
    for (size_t i = 0; i < partitions.size(); ++i) {
      if (partitions[i] == p) rows.push_back(static_cast<int64_t>(i));
    }
    outputs.push_back(by_index({static_cast<int64_t>(rows.size()), 3}, [&](const Index& index) {
      return at(in[0], {rows[static_cast<size_t>(index[0])], index[1]});
    }));
  }
  return outputs;
}

Tensors reversed(const Tensors& in, const AttrMap& attrs) {
  std::vector<int64_t> lengths = int_list(in[1]);
  auto seq = static_cast<size_t>(attrs.get<int64_t>("seq_dim")),
       batch = static_cast<size_t>(attrs.get<int64_t>("batch_dim"));
  return {by_index(in[0].shape(), [&](const Index& index) {
    Index from = index;
    int64_t length = lengths[static_cast<size_t>(index[batch])];
    if (index[seq] < length) from[seq] = length - 1 - index[seq];
    return at(in[0], from);
  })};
}

Tensors dense(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> shape = int_list(in[1]), indices = int_list(in[0]);
  return {by_index(Shape(shape), [&](const Index& index) {
    for (size_t row = 0; row * 2 < indices.size(); ++row) {
      if (indices[2 * row] == index[0] && indices[2 * row + 1] == index[1])
        return at(in[2], {static_cast<int64_t>(row)});
    }
    return at(in[3], {});
  })};
}

TARN_OP_CASES(list_gradients) {
  OpCases cases;
  for (const char* op : {"DynamicStitch", "ParallelDynamicStitch"}) {
    cases.push_back({.op = op,
                     .label = "two parts",
                     .attrs = {{"N", 2}},
                     .inputs = {ints({2}, {3, 0}), ints({3}, {1, 4, 2}), uniform({2, 2}), uniform({3, 2}, -1, 1, 2)},
                     .reference = stitched,
                     .dynamic_shape = true});
  }
  cases.push_back({.op = "DynamicPartition",
                   .label = "three, one empty",
                   .attrs = {{"num_partitions", 3}},
                   .inputs = {uniform({4, 3}), ints({4}, {2, 0, 2, 0})},
                   .reference = partitioned,
                   .dynamic_shape = true});
  constexpr std::pair<int64_t, int64_t> kDims[] = {{1, 0}, {0, 2}, {2, 1}};
  for (auto [seq, batch] : kDims) {
    cases.push_back({.op = "ReverseSequence",
                     .label = str_cat("along ", seq),
                     .attrs = {{"seq_dim", seq}, {"batch_dim", batch}},
                     .inputs = {uniform({3, 3, 3}), ints({3}, {0, 2, 3})},
                     .reference = reversed});
  }
  cases.push_back({.op = "SparseToDense",
                   .label = "matrix",
                   .inputs = {ints({3, 2}, {0, 1, 1, 0, 2, 2}), ints({2}, {3, 4}), uniform({3}), uniform({})},
                   .reference = dense});
  return cases;
}

std::string refusal(std::string_view op, const AttrMap& attrs, const Tensors& inputs) {
  Result<Tensors> y = evaluate_op(op_table(), op, attrs, inputs);
  return y.ok() ? "accepted" : std::string(y.status().message());
}

TEST(DynamicStitch, RefusesNegativeIndicesAndShapesThatDoNotFit) {
  EXPECT_NE(refusal("DynamicStitch", {{"N", 1}}, {ints({2}, {0, -1}), iota({2})}).find("must not be negative"),
            std::string::npos);
  EXPECT_NE(refusal("DynamicStitch", {{"N", 1}}, {ints({2}, {0, 1}), iota({3})}).find("data[0]"), std::string::npos);
  EXPECT_NE(refusal("DynamicStitch", {{"N", 2}}, {ints({1}, {0}), ints({1}, {1}), iota({1, 2}), iota({1, 3})})
                .find("one shape"),
            std::string::npos);
}

TEST(DynamicPartition, NamesThePartitionThatThereIsNot) {
  EXPECT_NE(refusal("DynamicPartition", {{"num_partitions", 2}}, {iota({3}), ints({3}, {0, 2, 1})})
                .find("partitions[1] = 2 is not in [0, 2)"),
            std::string::npos);
}

TEST(SparseToDense, NamesIndicesOutsideOrOutOfOrder) {
  auto words = [](Tensor indices, const AttrMap& attrs = {}) {
    return refusal("SparseToDense", attrs,
                   {indices, ints({2}, {2, 2}), to_dtype(iota({2}), DType::kFloat), Tensor::scalar(0.0f)});
  };
  EXPECT_NE(words(ints({2, 2}, {0, 0, 2, 0})).find("indices[1] = [2,0] is out of bounds"), std::string::npos);
  EXPECT_NE(words(ints({2, 2}, {1, 0, 0, 1})).find("indices[1] = [0,1] is out of order"), std::string::npos);
  EXPECT_NE(words(ints({2, 2}, {1, 0, 1, 0})).find("indices[1] = [1,0] is repeated"), std::string::npos);
  EXPECT_EQ(words(ints({2, 2}, {1, 0, 0, 1}), {{"validate_indices", false}}), "accepted");
}

TEST(ReverseSequence, NamesLengthsBeyondTheSequence) {
  EXPECT_NE(refusal("ReverseSequence", {{"seq_dim", 1}}, {iota({2, 3}), ints({2}, {1, 4})}).find("seq_lengths[1] = 4"),
            std::string::npos);
  EXPECT_NE(
      refusal("ReverseSequence", {{"seq_dim", 0}}, {iota({2, 3}), ints({2}, {1, 1})}).find("batch_dim == seq_dim"),
      std::string::npos);
}

TEST(CropAndResize, NamesTheBoxOfAnImageThatThereIsNot) {
  Tensors inputs = {to_dtype(iota({1, 2, 2, 1}), DType::kFloat), to_dtype(iota({2, 4}), DType::kFloat),
                    ints({2}, {0, 1}), ints({2}, {2, 2})};

  EXPECT_NE(refusal("CropAndResize", {}, inputs).find("box_ind[1] = 1"), std::string::npos);

  inputs[3] = ints({2}, {2, 0});
  EXPECT_NE(refusal("CropAndResize", {}, inputs).find("crop dimensions must be positive"), std::string::npos);
}

TEST(NonMaxSuppression, RefusesThresholdsThatAreNone) {
  for (float threshold : {-0.1f, 1.5f, NAN}) {
    Tensors inputs = {to_dtype(iota({2, 4}), DType::kFloat), to_dtype(iota({2}), DType::kFloat), ints({}, {3}),
                      Tensor::scalar(threshold)};
    EXPECT_NE(refusal("NonMaxSuppressionV2", {}, inputs).find("iou_threshold must be in [0, 1]"), std::string::npos);
  }
}

}  // namespace
}  // namespace tarn::testing
