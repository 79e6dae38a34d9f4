#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// Parts of `x` of these sizes along `axis`.
Tensors parts(const Tensor& x, int64_t axis, const std::vector<int64_t>& sizes) {
  auto a = static_cast<size_t>(axis < 0 ? axis + x.shape().rank() : axis);
  Tensors out;
  int64_t offset = 0;
  for (int64_t size : sizes) {
    Shape shape = x.shape();
    shape.set_dim(static_cast<int>(a), size);
    out.push_back(by_index(shape, [&](Index index) {
      index[a] += offset;
      return at(x, index);
    }));
    offset += size;
  }
  return out;
}

Tensors split(const Tensors& in, const AttrMap& attrs) {
  int64_t axis = int_list(in[0])[0], num = attrs.get<int64_t>("num_split");
  int64_t dim = in[1].shape().dim(static_cast<int>(axis));
  return parts(in[1], axis, std::vector<int64_t>(static_cast<size_t>(num), dim / num));
}

// The sizes are written out, with what a -1 stands for.
auto split_into(std::vector<int64_t> sizes) {
  return [sizes](const Tensors& in, const AttrMap&) { return parts(in[0], int_list(in[2])[0], sizes); };
}

TARN_OP_CASES(split) {
  Tensor x = uniform({4, 6});
  return {
      {.op = "Split", .label = "rows", .attrs = {{"num_split", 2}}, .inputs = {ints({}, {0}), x}, .reference = split},
      {.op = "Split",
       .label = "columns",
       .attrs = {{"num_split", 3}},
       .inputs = {ints({}, {-1}), x},
       .reference = split},
      {.op = "Split",
       .label = "into one",
       .attrs = {{"num_split", 1}},
       .inputs = {ints({}, {1}), x},
       .reference = split},
      {.op = "Split",
       .label = "empty",
       .attrs = {{"num_split", 2}},
       .inputs = {ints({}, {0}), uniform({0, 3})},
       .reference = split},
      {.op = "SplitV",
       .label = "columns",
       .attrs = {{"num_split", 3}},
       .inputs = {x, ints({3}, {1, 3, 2}), ints({}, {1})},
       .reference = split_into({1, 3, 2})},
      {.op = "SplitV",
       .label = "the rest",
       .attrs = {{"num_split", 3}},
       .inputs = {x, ints({3}, {1, -1, 2}), ints({}, {-1})},
       .reference = split_into({1, 3, 2})},
      {.op = "SplitV",
       .label = "one empty, int64",
       .attrs = {{"num_split", 2}},
       .inputs = {x, Tensor::from<int64_t>({2}, {0, 4}), ints({}, {0})},
       .reference = split_into({0, 4})},
      {.op = "SplitV",
       .label = "int8",
       .attrs = {{"num_split", 2}},
       .inputs = {x, Tensor::from<int8_t>({2}, {3, 1}), ints({}, {0})},
       .reference = split_into({3, 1})},
  };
}

std::string refusal(std::string_view op, int64_t num, const Tensors& inputs) {
  Result<Tensors> y = evaluate_op(op_table(), op, {{"num_split", num}}, inputs);
  return y.ok() ? "accepted" : std::string(y.status().message());
}

TEST(Split, RefusesDimsThatDoNotDivide) {
  EXPECT_EQ(refusal("Split", 3, {ints({}, {0}), iota({4})}),
            "Split 'evaluate': dim 0 = 4 does not divide into 3 parts (split_dim i32[], value f64[4])");
  EXPECT_NE(refusal("Split", 0, {ints({}, {0}), iota({4})}), "accepted");
  EXPECT_NE(refusal("Split", -1, {ints({}, {0}), iota({4})}), "accepted");
  EXPECT_NE(refusal("Split", 2, {ints({}, {9}), iota({4})}), "accepted");
  EXPECT_NE(refusal("Split", 2, {ints({0}, {}), iota({4})}), "accepted");
}

TEST(SplitV, RefusesSizesThatDoNotFit) {
  EXPECT_EQ(refusal("SplitV", 2, {iota({4}), ints({2}, {-7, 11}), ints({}, {0})}),
            "SplitV 'evaluate': size_splits must be >= 0, or one -1, are [-7, 11] (value f64[4], size_splits i32[2], "
            "split_dim i32[])");
  EXPECT_NE(refusal("SplitV", 2, {iota({4}), ints({2}, {-1, -1}), ints({}, {0})}), "accepted");
  EXPECT_NE(refusal("SplitV", 2, {iota({4}), ints({}, {2}), ints({}, {0})}), "accepted");
  EXPECT_NE(refusal("SplitV", 2, {iota({4}), ints({2}, {1, 2}), ints({}, {0})}), "accepted");
  EXPECT_NE(refusal("SplitV", 2, {iota({4}), Tensor::from<int64_t>({2}, {INT64_MAX, INT64_MAX}), ints({}, {0})}),
            "accepted");
}

}  // namespace
}  // namespace tarn::testing
