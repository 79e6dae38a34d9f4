#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

struct Blocks {
  std::vector<int64_t> sizes, margins;
  int64_t volume = 1;
  Blocks(const Tensors& in, const AttrMap& attrs) {
    margins = int_list(in.back());
    sizes = in.size() > 2 ? int_list(in[1]) : std::vector<int64_t>(2, attrs.get<int64_t>("block_size"));
    for (int64_t size : sizes) volume *= size;
  }
};

// An element of the batched tensor lies at batch, row … of the spread one, perhaps outside of it.
Index in_spread(Index index, const Blocks& blocks, int64_t batch) {
  int64_t place = index[0] / batch;
  index[0] %= batch;
  for (size_t i = blocks.sizes.size(); i-- > 0;) {
    index[i + 1] = index[i + 1] * blocks.sizes[i] + place % blocks.sizes[i] - blocks.margins[2 * i];
    place /= blocks.sizes[i];
  }
  return index;
}

Tensors batched(const Tensors& in, const AttrMap& attrs) {
  Blocks blocks(in, attrs);
  Shape shape = in[0].shape();
  int64_t batch = shape[0];
  shape.set_dim(0, batch * blocks.volume);
  for (size_t i = 0; i < blocks.sizes.size(); ++i) {
    int d = static_cast<int>(i) + 1;
    shape.set_dim(d, (shape[d] + blocks.margins[2 * i] + blocks.margins[2 * i + 1]) / blocks.sizes[i]);
  }
  return {by_index(shape, [&](const Index& index) {
    Index from = in_spread(index, blocks, batch);
    for (size_t d = 0; d < from.size(); ++d) {
      if (from[d] < 0 || from[d] >= in[0].shape().dim(static_cast<int>(d))) return 0.0;
    }
    return at(in[0], from);
  })};
}

Tensors spread(const Tensors& in, const AttrMap& attrs) {
  Blocks blocks(in, attrs);
  Shape shape = in[0].shape();
  int64_t batch = shape[0] / blocks.volume;
  shape.set_dim(0, batch);
  for (size_t i = 0; i < blocks.sizes.size(); ++i) {
    int d = static_cast<int>(i) + 1;
    shape.set_dim(d, shape[d] * blocks.sizes[i] - blocks.margins[2 * i] - blocks.margins[2 * i + 1]);
  }
  return {by_index(shape, [&](const Index& wanted) {
    double found = 0;
    by_index(in[0].shape(), [&](const Index& index) {
      if (in_spread(index, blocks, batch) == wanted) found = at(in[0], index);
      return 0.0;
    });
    return found;
  })};
}

TARN_OP_CASES(space_to_batch) {
  Tensor one = ints({1}, {3}), two = ints({2}, {2, 3});
  Tensor wide = Tensor::from<int64_t>({2}, {2, 2});
  Tensor none = ints({2, 2}, {0, 0, 0, 0}), some = ints({2, 2}, {1, 1, 2, 0}), edge = ints({1, 2}, {4, 1});
  Tensor deep = Tensor::from<int64_t>({2, 2}, {5, 0, 0, 1});
  AttrMap block{{"block_size", 2}};
  return {
      {.op = "SpaceToBatchND", .label = "image", .inputs = {uniform({2, 4, 6, 2}), two, none}, .reference = batched},
      {.op = "SpaceToBatchND", .label = "padded", .inputs = {uniform({1, 4, 4, 3}), two, some}, .reference = batched},
      {.op = "SpaceToBatchND", .label = "1d", .inputs = {uniform({2, 4}), one, edge}, .reference = batched},
      {.op = "SpaceToBatchND",
       .label = "padding beyond a block, int64",
       .inputs = {uniform({1, 3, 3, 1}), wide, deep},
       .reference = batched},
      {.op = "SpaceToBatchND",
       .label = "no block",
       .inputs = {uniform({2, 3}), ints({0}, {}), ints({0, 2}, {})},
       .reference = batched},
      {.op = "SpaceToBatchND",
       .label = "only padding",
       .inputs = {uniform({1, 0, 1, 2}), wide, ints({2, 2}, {1, 1, 0, 1})},
       .reference = batched},
      {.op = "BatchToSpaceND", .label = "image", .inputs = {uniform({12, 2, 2, 2}), two, none}, .reference = spread},
      {.op = "BatchToSpaceND", .label = "cropped", .inputs = {uniform({6, 3, 2, 3}), two, some}, .reference = spread},
      {.op = "BatchToSpaceND", .label = "1d", .inputs = {uniform({6, 3}), one, edge}, .reference = spread},
      {.op = "BatchToSpaceND",
       .label = "cropped beyond a block, int64",
       .inputs = {uniform({4, 4, 2, 1}), wide, deep},
       .reference = spread},
      {.op = "BatchToSpaceND",
       .label = "all cropped",
       .inputs = {uniform({3, 2}), one, ints({1, 2}, {4, 2})},
       .reference = spread},
      {.op = "SpaceToBatch",
       .label = "image",
       .attrs = block,
       .inputs = {uniform({2, 4, 2, 3}), none},
       .reference = batched},
      {.op = "SpaceToBatch",
       .label = "padded",
       .attrs = block,
       .inputs = {uniform({1, 2, 2, 1}), some},
       .reference = batched},
      {.op = "SpaceToBatch",
       .label = "empty",
       .attrs = block,
       .inputs = {uniform({0, 2, 2, 1}), some},
       .reference = batched},
      {.op = "BatchToSpace",
       .label = "image",
       .attrs = block,
       .inputs = {uniform({8, 2, 1, 3}), none},
       .reference = spread},
      {.op = "BatchToSpace",
       .label = "cropped",
       .attrs = block,
       .inputs = {uniform({4, 2, 2, 1}), some},
       .reference = spread},
      {.op = "BatchToSpace",
       .label = "empty",
       .attrs = block,
       .inputs = {uniform({0, 2, 2, 1}), some},
       .reference = spread},
  };
}

TEST(SpaceToBatchND, SaysWhatDoesNotFit) {
  auto refusal = [](const char* op, const Shape& shape, const Tensor& block, const Tensor& margins) {
    Result<Tensors> y = evaluate_op(op_table(), op, {}, std::vector{iota(shape), block, margins});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_NE(refusal("SpaceToBatchND", {1, 4}, ints({1}, {3}), ints({1, 2}, {0, 1}))
                .find("dim 1 with its paddings is 5, no multiple of block_shape[0] = 3"),
            std::string::npos);
  EXPECT_NE(refusal("SpaceToBatchND", {1, 4}, ints({1}, {0}), ints({1, 2}, {0, 0}))
                .find("block_shape[0] must be at least 1, not 0"),
            std::string::npos);
  EXPECT_NE(refusal("SpaceToBatchND", {1, 4}, ints({1}, {2}), ints({1, 2}, {-9, 1}))
                .find("paddings of dim 1 must be >= 0, are -9 and 1"),
            std::string::npos);
  EXPECT_NE(refusal("SpaceToBatchND", {1}, ints({1}, {2}), ints({1, 2}, {0, 0})), "accepted");
  EXPECT_NE(refusal("SpaceToBatchND", {2, 1}, ints({1}, {INT32_MAX}), ints({1, 2}, {INT32_MAX, INT32_MAX})),
            "accepted");
  EXPECT_NE(refusal("BatchToSpaceND", {3, 4}, ints({1}, {2}), ints({1, 2}, {0, 0}))
                .find("the batch, 3, must be a multiple of the 2 elements of a block"),
            std::string::npos);
  EXPECT_NE(refusal("BatchToSpaceND", {2, 4}, ints({1}, {2}), ints({1, 2}, {99, 0}))
                .find("crops of dim 1, 99 and 0, are more than its 8 elements"),
            std::string::npos);
}

}  // namespace
}  // namespace tarn::testing
