#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensor joined(std::span<const Tensor> values, int64_t axis) {
  Index dims(values[0].shape().dims().begin(), values[0].shape().dims().end());
  auto a = static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(dims.size()) : axis);
  dims[a] = 0;
  for (const Tensor& v : values) dims[a] += v.shape().dim(static_cast<int>(a));
  return by_index(Shape(std::span<const int64_t>(dims)), [&](Index index) {
    size_t which = 0;
    while (index[a] >= values[which].shape().dim(static_cast<int>(a)))
      index[a] -= values[which++].shape().dim(static_cast<int>(a));
    return at(values[which], index);
  });
}

Tensors concat(const Tensors& in, const AttrMap&) {
  return {joined({in.begin() + 1, in.end()}, int_list(in[0])[0])};
}
Tensors concat_v2(const Tensors& in, const AttrMap&) {
  return {joined({in.begin(), in.end() - 1}, int_list(in.back())[0])};
}
Tensors offsets(const Tensors& in, const AttrMap&) {
  int64_t axis = int_list(in[0])[0];
  Tensors out;
  double offset = 0;
  for (size_t i = 1; i < in.size(); ++i) {
    std::vector<int64_t> shape = int_list(in[i]);
    auto a = static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(shape.size()) : axis);
    out.push_back(
        by_index(in[i].shape(), [&](const Index& d) { return d[0] == static_cast<int64_t>(a) ? offset : 0; }));
    out.back() = to_dtype(out.back(), in[i].dtype());
    offset += static_cast<double>(shape[a]);
  }
  return out;
}

TARN_OP_CASES(concat) {
  Tensor a = uniform({2, 3, 2}), b = uniform({2, 1, 2}, -1, 1, 2), empty = uniform({2, 0, 2});
  return {
      {.op = "Concat", .label = "middle", .inputs = {ints({}, {1}), a, b}, .reference = concat},
      {.op = "Concat", .label = "first", .inputs = {ints({}, {0}), a, a}, .reference = concat},
      {.op = "Concat", .label = "last, negative", .inputs = {ints({}, {-1}), b, b, b}, .reference = concat},
      {.op = "ConcatV2", .label = "middle, one empty", .inputs = {a, empty, b, ints({}, {1})}, .reference = concat_v2},
      {.op = "ConcatV2",
       .label = "first, int64 axis",
       .inputs = {a, a, Tensor::scalar<int64_t>(0)},
       .reference = concat_v2},
      {.op = "ConcatV2", .label = "last, negative", .inputs = {b, b, b, ints({}, {-1})}, .reference = concat_v2},
      {.op = "ConcatV2",
       .label = "vectors",
       .inputs = {uniform({40000}), uniform({3}), ints({}, {0})},
       .reference = concat_v2},
      {.op = "ConcatOffset",
       .label = "middle",
       .inputs = {ints({}, {1}), ints({3}, {2, 3, 2}), ints({3}, {2, 0, 2}), ints({3}, {2, 4, 2})},
       .reference = offsets},
      {.op = "ConcatOffset",
       .label = "first",
       .inputs = {ints({}, {0}), ints({2}, {5, 7}), ints({2}, {1, 7})},
       .reference = offsets},
      {.op = "ConcatOffset",
       .label = "last, int64",
       .inputs = {ints({}, {-1}), Tensor::from<int64_t>({2}, {5, 7}), Tensor::from<int64_t>({2}, {5, 1})},
       .reference = offsets},
  };
}

TEST(ConcatV2, RefusesShapesAndAxesThatDoNotFit) {
  auto refusal = [](const Tensors& inputs) {
    Result<Tensors> y = evaluate_op(op_table(), "ConcatV2", {}, inputs);
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal({iota({2, 3}), iota({3, 3}), ints({}, {1})}),
            "ConcatV2 'evaluate': values must agree in all dims but 1: [2,3] against values[1] [3,3] (values[0] "
            "f64[2,3], values[1] f64[3,3], axis i32[])");
  EXPECT_NE(refusal({iota({2}), iota({2}), ints({}, {99})}), "accepted");
  EXPECT_NE(refusal({iota({2}), iota({2}), ints({0}, {})}), "accepted");
  EXPECT_NE(refusal({iota({}), iota({}), ints({}, {0})}), "accepted");
  EXPECT_NE(refusal({iota({2}), iota({2, 1}), ints({}, {0})}), "accepted");
}

}  // namespace
}  // namespace tarn::testing
