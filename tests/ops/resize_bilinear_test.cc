#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/eager_gradient.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_GRADIENT_TESTED_APART(ResizeBilinear, "its output is float: differences of it are too coarse");

// How much of pixel `p` goes into resized pixel `i`. Where pixel i lies is computed in float: that is part of what the
// op is, as another rounding may choose another pixel.
double weight(int64_t i, int64_t p, int64_t pixels, int64_t resized, const AttrMap& attrs) {
  bool align = attrs.get<bool>("align_corners") && resized > 1, half = attrs.get<bool>("half_pixel_centers");
  float scale = align ? static_cast<float>(pixels - 1) / static_cast<float>(resized - 1)
                      : static_cast<float>(pixels) / static_cast<float>(resized);
  float place = half ? (static_cast<float>(i) + 0.5f) * scale - 0.5f : static_cast<float>(i) * scale;
  double inside = std::min(std::max(double{place}, 0.0), static_cast<double>(pixels - 1));
  return std::max(0.0, 1 - std::fabs(inside - static_cast<double>(p)));
}

Tensors resized(const Tensors& in, const AttrMap& attrs) {
  Shape shape = in[0].shape();
  for (int d : {1, 2}) shape.set_dim(d, int_list(in[1])[static_cast<size_t>(d - 1)]);
  return {by_index(shape, [&](const Index& index) {
    double sum = 0;
    for (int64_t y = 0; y < in[0].shape()[1]; ++y) {
      double row = weight(index[1], y, in[0].shape()[1], shape[1], attrs);
      for (int64_t x = 0; x < in[0].shape()[2] && row > 0; ++x) {
        sum += row * weight(index[2], x, in[0].shape()[2], shape[2], attrs) * at(in[0], {index[0], y, x, index[3]});
      }
    }
    return sum;
  })};
}

Tensors shared_out(const Tensors& in, const AttrMap& attrs) {
  const Shape& grads = in[0].shape();
  const Shape& shape = in[1].shape();
  Tensor dy = to_double(in[0]);
  return {by_index(shape, [&](const Index& index) {
    double sum = 0;
    for (int64_t i = 0; i < grads[1]; ++i) {
      double row = weight(i, index[1], shape[1], grads[1], attrs);
      for (int64_t j = 0; j < grads[2] && row > 0; ++j) {
        sum += row * weight(j, index[2], shape[2], grads[2], attrs) * at(dy, {index[0], i, j, index[3]});
      }
    }
    return sum;
  })};
}

const AttrMap kModes[] = {{}, {{"align_corners", true}}, {{"half_pixel_centers", true}}};
constexpr const char* kModeNames[] = {"", ", corners aligned", ", half pixels"};

TARN_OP_CASES(resize_bilinear) {
  struct Sizes {
    const char* label;
    Shape images;
    int32_t height, width;
  };
  const Sizes tables[] = {
      {"larger", {2, 3, 4, 2}, 7, 5}, {"smaller", {1, 8, 6, 3}, 3, 4},        {"to one pixel", {1, 4, 5, 1}, 1, 1},
      {"same", {1, 3, 3, 2}, 3, 3},   {"from one pixel", {2, 1, 1, 2}, 3, 2}, {"no images", {0, 2, 2, 1}, 3, 3},
  };
  OpCases cases;
  for (const Sizes& table : tables) {
    for (int mode = 0; mode < 3; ++mode) {
      std::string label = str_cat(table.label, kModeNames[mode]);
      Tensor size = ints({2}, {table.height, table.width});
      // Float places are off by half a unit in the last place of 8 pixels; that is 4 units of a weight in [0, 1].
      cases.push_back({.op = "ResizeBilinear",
                       .label = label,
                       .attrs = kModes[mode],
                       .inputs = {uniform(table.images), size},
                       .reference = resized,
                       .sum_length = 4,
                       .tolerance_factor = 4});
      Shape grads = table.images;
      grads.set_dim(1, table.height);
      grads.set_dim(2, table.width);
      // Weights and their products are float whatever T is, as TensorFlow's are.
      for (DType dtype : {DType::kFloat, DType::kDouble}) {
        AttrMap attrs = kModes[mode];
        attrs.set("T", dtype);
        cases.push_back({.op = "ResizeBilinearGrad",
                         .label = str_cat(label, ", ", dtype_name(dtype)),
                         .attrs = attrs,
                         .inputs = {uniform(grads), uniform(table.images)},
                         .reference = shared_out,
                         .sum_length = 35,
                         .tolerance_factor = 4 * dtype_epsilon(DType::kFloat) / dtype_epsilon(dtype)});
      }
    }
  }
  return cases;
}

// Resizing is linear: the gradient of <dy, y> by pixel k is <dy, resize(image with only pixel k)>.
TEST(ResizeBilinear, GradientIsTheTransposeOfResizing) {
  const OpRegistry::Op& op = *op_table().find("ResizeBilinear");
  for (const AttrMap& attrs : kModes) {
    for (DType dtype : {DType::kFloat, DType::kDouble}) {
      OpCase op_case{.op = "ResizeBilinear",
                     .label = "linear",
                     .attrs = attrs,
                     .inputs = {uniform({1, 3, 4, 2}), ints({2}, {5, 3})}};
      BoundCase bound = *bind_case(op, op_case, dtype);
      Tensors y = *evaluate_node(op, "case", bound.attrs, bound.inputs);
      Tensor dy = to_dtype(uniform(y[0].shape(), -1, 1, 7), DType::kFloat);
      for (Known known : {Known::kValues, Known::kShapes, Known::kRanks}) {
        Result<Tensors> dx = eager_gradient(op, bound, y, {dy}, known);
        ASSERT_TRUE(dx.ok()) << dx.status().to_string();
        ASSERT_EQ((*dx)[0].dtype(), dtype);

        Tensor wanted = by_index({1, 3, 4, 2}, [&](const Index& pixel) {
          Tensors one = bound.inputs;
          one[0] =
              to_dtype(by_index({1, 3, 4, 2}, [&](const Index& index) { return index == pixel ? 1.0 : 0.0; }), dtype);
          Tensor response = to_double((*evaluate_node(op, "case", bound.attrs, one))[0]);
          double sum = 0;
          for (size_t i = 0; i < response.flat<double>().size(); ++i) {
            sum += response.flat<double>()[i] * double{dy.flat<float>()[i]};
          }
          return sum;
        });

        // At most 15 float products, each rounded twice.
        EXPECT_EQ(difference((*dx)[0], to_dtype(wanted, dtype), 30 * dtype_epsilon(DType::kFloat)), "");
      }
    }
  }
}

TEST(ResizeBilinear, RefusesSizesAndImagesWithoutPixels) {
  auto refusal = [](const Tensor& images, const Tensor& size, const AttrMap& attrs = {}) {
    Result<Tensors> y = evaluate_op(op_table(), "ResizeBilinear", attrs, std::vector{images, size});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal(iota({1, 2, 2, 1}), ints({2}, {0, 3})),
            "ResizeBilinear 'evaluate': size must be positive, is [0, 3] (images f64[1,2,2,1], size i32[2])");
  EXPECT_NE(refusal(iota({1, 2, 2, 1}), ints({2}, {-1, 3})), "accepted");
  EXPECT_NE(refusal(iota({1, 2, 2, 1}), ints({2}, {INT32_MAX, INT32_MAX})), "accepted");
  EXPECT_NE(refusal(iota({1, 2, 2, 1}), ints({3}, {1, 2, 3})), "accepted");
  EXPECT_NE(refusal(iota({1, 0, 2, 1}), ints({2}, {2, 2})), "accepted");
  EXPECT_NE(refusal(iota({2, 2, 1}), ints({2}, {2, 2})), "accepted");
  EXPECT_NE(refusal(iota({1, 2, 2, 1}), ints({2}, {2, 2}), {{"align_corners", true}, {"half_pixel_centers", true}}),
            "accepted");
}

}  // namespace
}  // namespace tarn::testing
