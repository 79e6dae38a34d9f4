#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// As if all were NHWC; other layouts are turned first.
Index turned(const Index& index, bool is_nchw, bool back) {
  if (!is_nchw) return index;
  return back ? Index{index[0], index[3], index[1], index[2]} : Index{index[0], index[2], index[3], index[1]};
}

Tensors deepened(const Tensors& in, const AttrMap& attrs) {
  int64_t n = attrs.get<int64_t>("block_size");
  bool is_nchw = attrs.get<std::string>("data_format") == "NCHW";
  const Shape& s = in[0].shape();
  Index size = turned({s[0], s[1], s[2], s[3]}, is_nchw, false);
  int64_t channels = size[3];
  Index deep = turned({size[0], size[1] / n, size[2] / n, channels * n * n}, is_nchw, true);
  return {by_index(Shape(deep), [&](const Index& raw) {
    Index index = turned(raw, is_nchw, false);
    int64_t place = index[3] / channels;
    Index from = {index[0], index[1] * n + place / n, index[2] * n + place % n, index[3] % channels};
    return at(in[0], turned(from, is_nchw, true));
  })};
}

Tensors spread(const Tensors& in, const AttrMap& attrs) {
  int64_t n = attrs.get<int64_t>("block_size");
  bool is_nchw = attrs.get<std::string>("data_format") == "NCHW";
  const Shape& s = in[0].shape();
  Index size = turned({s[0], s[1], s[2], s[3]}, is_nchw, false);
  int64_t channels = size[3] / n / n;
  Index wide = turned({size[0], size[1] * n, size[2] * n, channels}, is_nchw, true);
  return {by_index(Shape(wide), [&](const Index& raw) {
    Index index = turned(raw, is_nchw, false);
    int64_t place = index[1] % n * n + index[2] % n;
    Index from = {index[0], index[1] / n, index[2] / n, place * channels + index[3]};
    return at(in[0], turned(from, is_nchw, true));
  })};
}

TARN_OP_CASES(space_to_depth) {
  AttrMap two{{"block_size", 2}}, three{{"block_size", 3}};
  AttrMap nchw{{"block_size", 2}, {"data_format", "NCHW"}};
  return {
      {.op = "SpaceToDepth", .label = "2", .attrs = two, .inputs = {uniform({2, 4, 6, 3})}, .reference = deepened},
      {.op = "SpaceToDepth", .label = "3", .attrs = three, .inputs = {uniform({1, 3, 6, 1})}, .reference = deepened},
      {.op = "SpaceToDepth", .label = "NCHW", .attrs = nchw, .inputs = {uniform({2, 3, 4, 6})}, .reference = deepened},
      {.op = "SpaceToDepth", .label = "empty", .attrs = two, .inputs = {uniform({0, 4, 2, 1})}, .reference = deepened},
      {.op = "DepthToSpace", .label = "2", .attrs = two, .inputs = {uniform({2, 2, 3, 12})}, .reference = spread},
      {.op = "DepthToSpace", .label = "3", .attrs = three, .inputs = {uniform({1, 1, 2, 9})}, .reference = spread},
      {.op = "DepthToSpace", .label = "NCHW", .attrs = nchw, .inputs = {uniform({2, 12, 2, 3})}, .reference = spread},
      {.op = "DepthToSpace", .label = "empty", .attrs = two, .inputs = {uniform({1, 0, 2, 4})}, .reference = spread},
  };
}

TEST(SpaceToDepth, NamesTheSizeThatIsNoMultipleOfTheBlock) {
  auto refusal = [](const char* op, int64_t block, const Shape& shape) {
    Result<Tensors> y = evaluate_op(op_table(), op, {{"block_size", block}}, std::vector{iota(shape)});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(
      refusal("SpaceToDepth", 4, {1, 4, 3, 1}),
      "SpaceToDepth 'evaluate': the width, 3, must be a multiple of 4: attr 'block_size' is 4 (input f64[1,4,3,1])");
  EXPECT_EQ(refusal("DepthToSpace", 2, {1, 1, 1, 6}),
            "DepthToSpace 'evaluate': the number of channels, 6, must be a multiple of 4: attr 'block_size' is 2 "
            "(input f64[1,1,1,6])");
  for (int64_t block : {int64_t{0}, int64_t{1}, int64_t{-2}, int64_t{INT32_MAX}, INT64_MAX}) {
    EXPECT_NE(refusal("DepthToSpace", block, {1, 1, 1, 6}), "accepted") << block;
    EXPECT_NE(refusal("SpaceToDepth", block, {1, 1, 1, 6}), "accepted") << block;
  }
}

}  // namespace
}  // namespace tarn::testing
