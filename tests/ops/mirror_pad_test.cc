#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// Where padded place `p` of a dim with `n` elements comes from.
int64_t mirrored(int64_t p, int64_t before, int64_t n, bool reflect) {
  int64_t i = p - before;
  if (i < 0) return reflect ? -i : -i - 1;
  if (i >= n) return reflect ? 2 * n - 2 - i : 2 * n - 1 - i;
  return i;
}

Index source_of(Index index, const Shape& shape, const std::vector<int64_t>& paddings, bool reflect) {
  for (size_t d = 0; d < index.size(); ++d) {
    index[d] = mirrored(index[d], paddings[2 * d], shape.dim(static_cast<int>(d)), reflect);
  }
  return index;
}

Shape grown(Shape shape, const std::vector<int64_t>& paddings, int64_t sign) {
  for (int d = 0; d < shape.rank(); ++d) {
    auto k = static_cast<size_t>(2 * d);
    shape.set_dim(d, shape.dim(d) + sign * (paddings[k] + paddings[k + 1]));
  }
  return shape;
}

Tensors padded(const Tensors& in, const AttrMap& attrs) {
  std::vector<int64_t> paddings = int_list(in[1]);
  bool reflect = attrs.get<std::string>("mode") == "REFLECT";
  return {by_index(grown(in[0].shape(), paddings, 1),
                   [&](const Index& index) { return at(in[0], source_of(index, in[0].shape(), paddings, reflect)); })};
}

Tensors folded(const Tensors& in, const AttrMap& attrs) {
  std::vector<int64_t> paddings = int_list(in[1]);
  bool reflect = attrs.get<std::string>("mode") == "REFLECT";
  Shape shape = grown(in[0].shape(), paddings, -1);
  return {by_index(shape, [&](const Index& wanted) {
    double sum = 0;
    by_index(in[0].shape(), [&](const Index& index) {
      if (source_of(index, shape, paddings, reflect) == wanted) sum += at(in[0], index);
      return 0.0;
    });
    return sum;
  })};
}

TARN_OP_CASES(mirror_pad) {
  struct Table {
    const char* label;
    Shape shape;
    Tensor paddings;
  };
  const Table tables[] = {
      {"vector", {4}, ints({1, 2}, {2, 3})},
      {"matrix", {2, 3}, ints({2, 2}, {1, 0, 2, 1})},
      {"image, int64", {2, 3, 4, 2}, Tensor::from<int64_t>({4, 2}, {0, 0, 1, 2, 3, 1, 0, 0})},
      {"every dim", {2, 2, 2}, ints({3, 2}, {1, 1, 1, 1, 1, 1})},
      {"no padding", {2, 2}, ints({2, 2}, {0, 0, 0, 0})},
      {"scalar", {}, ints({0, 2}, {})},
      {"empty", {0, 3}, ints({2, 2}, {0, 0, 1, 1})},
  };
  OpCases cases;
  for (const char* mode : {"REFLECT", "SYMMETRIC"}) {
    for (const Table& table : tables) {
      std::string label = str_cat(table.label, ", ", mode);
      AttrMap attrs{{"mode", mode}};
      cases.push_back({.op = "MirrorPad",
                       .label = label,
                       .attrs = attrs,
                       .inputs = {uniform(table.shape), table.paddings},
                       .reference = padded});
      cases.push_back({.op = "MirrorPadGrad",
                       .label = label,
                       .attrs = attrs,
                       .inputs = {uniform(grown(table.shape, int_list(table.paddings), 1)), table.paddings},
                       .reference = folded,
                       .sum_length = 8});
    }
  }
  return cases;
}

TEST(MirrorPad, RefusesPaddingsBeyondWhatThereIsToMirror) {
  auto refusal = [](const char* op, const Tensor& x, const char* mode, const Tensor& paddings) {
    Result<Tensors> y = evaluate_op(op_table(), op, {{"mode", mode}}, std::vector{x, paddings});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal("MirrorPad", iota({2}), "REFLECT", ints({1, 2}, {0, 2})),
            "MirrorPad 'evaluate': paddings of dim 0, 0 and 2, must be at most 1: the dim has 2 elements, and REFLECT "
            "leaves the edge out (input f64[2], paddings i32[1,2])");
  EXPECT_EQ(refusal("MirrorPad", iota({2}), "SYMMETRIC", ints({1, 2}, {0, 2})), "accepted");
  EXPECT_NE(refusal("MirrorPad", iota({2}), "SYMMETRIC", ints({1, 2}, {3, 0})), "accepted");
  EXPECT_NE(refusal("MirrorPad", iota({2}), "REFLECT", ints({1, 2}, {-1, 0})), "accepted");
  EXPECT_NE(refusal("MirrorPad", iota({0}), "SYMMETRIC", ints({1, 2}, {1, 0})), "accepted");
  EXPECT_NE(refusal("MirrorPadGrad", iota({5}), "SYMMETRIC", ints({1, 2}, {3, 0})), "accepted");
  EXPECT_NE(refusal("MirrorPadGrad", iota({5}), "REFLECT", ints({1, 2}, {4, 4})), "accepted");
}

}  // namespace
}  // namespace tarn::testing
