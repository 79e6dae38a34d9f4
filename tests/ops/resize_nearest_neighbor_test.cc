#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// Where pixel i lies is computed in float: that is part of what the op is, as another rounding chooses another pixel.
int64_t source(int64_t i, int64_t pixels, int64_t resized, const AttrMap& attrs) {
  bool align = attrs.get<bool>("align_corners"), half = attrs.get<bool>("half_pixel_centers");
  float scale = align && resized > 1 ? static_cast<float>(pixels - 1) / static_cast<float>(resized - 1)
                                     : static_cast<float>(pixels) / static_cast<float>(resized);
  double place = double{(half ? static_cast<float>(i) + 0.5f : static_cast<float>(i)) * scale};
  return std::min(static_cast<int64_t>(std::floor(align ? place + 0.5 : place)), pixels - 1);
}

Shape with_size(Shape shape, const Tensor& size) {
  for (int d : {1, 2}) shape.set_dim(d, int_list(size)[static_cast<size_t>(d - 1)]);
  return shape;
}

Tensors copied(const Tensors& in, const AttrMap& attrs) {
  const Shape& from = in[0].shape();
  Shape shape = with_size(from, in[1]);
  return {by_index(shape, [&](const Index& index) {
    return at(in[0], {index[0], source(index[1], from[1], shape[1], attrs), source(index[2], from[2], shape[2], attrs),
                      index[3]});
  })};
}

Tensors added_up(const Tensors& in, const AttrMap& attrs) {
  const Shape& grads = in[0].shape();
  Shape shape = with_size(grads, in[1]);
  return {by_index(shape, [&](const Index& wanted) {
    double sum = 0;
    by_index(grads, [&](const Index& index) {
      Index to = {index[0], source(index[1], shape[1], grads[1], attrs), source(index[2], shape[2], grads[2], attrs),
                  index[3]};
      if (to == wanted) sum += at(in[0], index);
      return 0.0;
    });
    return sum;
  })};
}

TARN_OP_CASES(resize_nearest_neighbor) {
  const AttrMap modes[] = {{}, {{"align_corners", true}}, {{"half_pixel_centers", true}}};
  constexpr const char* kModeNames[] = {"", ", corners aligned", ", half pixels"};
  struct Sizes {
    const char* label;
    Shape images;
    Tensor size;
  };
  const Sizes tables[] = {
      {"larger", {2, 3, 4, 2}, ints({2}, {7, 5})},         {"smaller", {1, 8, 6, 3}, ints({2}, {3, 4})},
      {"to one pixel", {1, 4, 5, 1}, ints({2}, {1, 1})},   {"same", {1, 3, 3, 2}, ints({2}, {3, 3})},
      {"from one pixel", {2, 1, 1, 2}, ints({2}, {3, 2})}, {"no images", {0, 2, 2, 1}, ints({2}, {3, 3})},
  };
  OpCases cases;
  for (const Sizes& table : tables) {
    for (int mode = 0; mode < 3; ++mode) {
      std::string label = str_cat(table.label, kModeNames[mode]);
      cases.push_back({.op = "ResizeNearestNeighbor",
                       .label = label,
                       .attrs = modes[mode],
                       .inputs = {uniform(table.images), table.size},
                       .reference = copied});
      cases.push_back({.op = "ResizeNearestNeighborGrad",
                       .label = label,
                       .attrs = modes[mode],
                       .inputs = {uniform(table.images), table.size},
                       .reference = added_up,
                       .sum_length = 48});
    }
  }
  return cases;
}

TEST(ResizeNearestNeighbor, RefusesSizesBelowOneAndImagesWithoutPixels) {
  for (const char* op : {"ResizeNearestNeighbor", "ResizeNearestNeighborGrad"}) {
    auto refusal = [&](const Tensor& images, const Tensor& size) {
      Result<Tensors> y = evaluate_op(op_table(), op, {}, std::vector{images, size});
      return y.ok() ? "accepted" : std::string(y.status().message());
    };
    EXPECT_NE(refusal(iota({1, 2, 2, 1}), ints({2}, {0, 3})).find("size must be positive, is [0, 3]"),
              std::string::npos);
    EXPECT_NE(refusal(iota({1, 2, 2, 1}), ints({2}, {3, -1})), "accepted");
    EXPECT_NE(refusal(iota({1, 2, 2, 1}), ints({1}, {3})), "accepted");
    EXPECT_NE(refusal(iota({1, 2, 0, 1}), ints({2}, {2, 2})), "accepted");
  }
}

}  // namespace
}  // namespace tarn::testing
