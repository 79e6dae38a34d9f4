// FusedPadConv2D and FusedResizeAndPadConv2D.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"
#include "tests/ops/naive_windows.h"

namespace tarn::testing {
namespace {

// The pixel between those of `x` that place `at` of an image resized to [height, width] is made of.
double resized_pixel(const Tensor& x, const Index& at_place, int64_t height, int64_t width, bool align) {
  double value = 0;
  int64_t in[] = {x.shape()[1], x.shape()[2]}, out[] = {height, width};
  for (int corner = 0; corner < 4; ++corner) {
    double weight = 1;
    Index from = at_place;
    for (int d = 0; d < 2; ++d) {
      float scale = align && out[d] > 1 ? static_cast<float>(in[d] - 1) / static_cast<float>(out[d] - 1)
                                        : static_cast<float>(in[d]) / static_cast<float>(out[d]);
      float place = static_cast<float>(at_place[static_cast<size_t>(d + 1)]) * scale, whole = std::floor(place);
      bool behind = (corner >> d & 1) != 0;
      from[static_cast<size_t>(d + 1)] = std::min(static_cast<int64_t>(whole) + (behind ? 1 : 0), in[d] - 1);
      weight *= behind ? place - whole : 1 - (place - whole);
    }
    value += weight * at(x, from);
  }
  return value;
}

Tensors fused(const Tensors& in, const AttrMap& attrs) {
  const Tensor& x = in[0];
  bool resizes = in.size() == 4;
  std::vector<int64_t> paddings = int_list(in[in.size() - 2]);
  std::vector<int64_t> size = resizes ? int_list(in[1]) : std::vector<int64_t>{x.shape()[1], x.shape()[2]};
  bool align = resizes && attrs.get<bool>("resize_align_corners");
  int64_t offset = attrs.get<std::string>("mode") == "REFLECT" ? 1 : 0;
  Shape shape{x.shape()[0], paddings[2] + size[0] + paddings[3], paddings[4] + size[1] + paddings[5], x.shape()[3]};
  Tensor padded = by_index(shape, [&](Index index) {
    for (size_t d : {1, 2}) {
      int64_t& i = index[d];
      i -= paddings[2 * d];
      if (i < 0) i = -i - 1 + offset;
      if (i >= size[d - 1]) i = 2 * size[d - 1] - i - 1 - offset;
    }
    return resized_pixel(x, index, size[0], size[1], align);
  });
  return {naive_conv(padded, in.back(),
                     {{"strides", attrs.get<std::vector<int64_t>>("strides")},
                      {"padding", attrs.get<std::string>("padding")},
                      {"dilations", std::vector<int64_t>{1, 1, 1, 1}}})};
}

Tensor around(int32_t top, int32_t bottom, int32_t left, int32_t right) {
  return ints({4, 2}, {0, 0, top, bottom, left, right, 0, 0});
}

TARN_OP_CASES(fused_pad_conv2d) {
  OpCases cases;
  for (const char* mode : {"REFLECT", "SYMMETRIC"}) {
    for (const char* padding : {"SAME", "VALID"}) {
      for (int64_t stride : {1, 2}) {
        AttrMap attrs{{"mode", mode}, {"padding", padding}, {"strides", std::vector<int64_t>{1, stride, stride, 1}}};
        Tensor x = uniform({2, 5, 6, 3}), filter = uniform({3, 2, 3, 4});
        cases.push_back({.op = "FusedPadConv2D",
                         .label = str_cat(mode, ", ", padding, ", ", stride),
                         .attrs = attrs,
                         .inputs = {x, around(2, 1, 0, 3), filter},
                         .reference = fused,
                         .sum_length = 18});
        for (bool align : {false, true}) {
          attrs.set("resize_align_corners", align);
          cases.push_back({.op = "FusedResizeAndPadConv2D",
                           .label = str_cat(mode, ", ", padding, ", ", stride, align ? ", corners" : ""),
                           .attrs = attrs,
                           .inputs = {x, ints({2}, {7, 4}), around(2, 1, 0, 3), filter},
                           .reference = fused,
                           .sum_length = 30});
        }
      }
    }
  }
  return cases;
}

TEST(FusedPadConv2D, RefusesPaddingsItCannotMirror) {
  auto refusal = [](const Tensor& paddings, const Tensor& filter) {
    AttrMap attrs{{"mode", "REFLECT"}, {"padding", "VALID"}, {"strides", std::vector<int64_t>{1, 1, 1, 1}}};
    Result<Tensors> y =
        evaluate_op(op_table(), "FusedPadConv2D", attrs, std::vector{uniform({1, 3, 3, 2}), paddings, filter});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  Tensor filter = uniform({2, 2, 2, 1});

  EXPECT_EQ(refusal(around(2, 2, 0, 0), filter), "accepted");
  EXPECT_NE(refusal(around(3, 0, 0, 0), filter).find("paddings of height, 3 and 0, must be at most 2"),
            std::string::npos);
  EXPECT_NE(refusal(around(0, 0, -1, 0), filter).find("paddings of width must be >= 0"), std::string::npos);
  EXPECT_NE(refusal(ints({4, 2}, {1, 0, 0, 0, 0, 0, 0, 0}), filter).find("only height and width"), std::string::npos);
  EXPECT_NE(refusal(around(0, 0, 0, 0), uniform({2, 2, 3, 1})).find("3"), std::string::npos);
}

}  // namespace
}  // namespace tarn::testing
