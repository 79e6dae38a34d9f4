// Conv2D, DepthwiseConv2dNative and their Backprop ops.
#include <gtest/gtest.h>

#include "tests/ops/channels_first.h"
#include "tests/ops/harness.h"
#include "tests/ops/naive_windows.h"

namespace tarn::testing {
namespace {

AttrMap conv_attrs(int64_t stride_h, int64_t stride_w, const char* padding, int64_t dilation_h = 1,
                   int64_t dilation_w = 1) {
  return {{"strides", std::vector<int64_t>{1, stride_h, stride_w, 1}},
          {"padding", padding},
          {"dilations", std::vector<int64_t>{1, dilation_h, dilation_w, 1}}};
}

AttrMap with_pads(AttrMap attrs, std::vector<int64_t> pads) {
  attrs.set("padding", "EXPLICIT");
  attrs.set("explicit_paddings", std::move(pads));
  return attrs;
}

struct Sizes {
  const char* label;
  Shape x, filter;
  AttrMap attrs;
};

std::vector<Sizes> conv_sizes() {
  return {
      {"SAME", {2, 5, 6, 3}, {3, 3, 3, 4}, conv_attrs(1, 1, "SAME")},
      {"VALID", {2, 6, 5, 3}, {3, 2, 3, 5}, conv_attrs(1, 1, "VALID")},
      {"stride 2, SAME", {1, 7, 8, 2}, {3, 3, 2, 17}, conv_attrs(2, 2, "SAME")},
      {"stride 2, VALID, cells left over", {1, 8, 7, 2}, {3, 3, 2, 3}, conv_attrs(2, 3, "VALID")},
      {"even window, SAME", {1, 5, 5, 1}, {2, 4, 1, 2}, conv_attrs(1, 2, "SAME")},
      {"window of 1", {2, 4, 4, 3}, {1, 1, 3, 6}, conv_attrs(1, 1, "SAME")},
      {"window of 1, stride above it", {1, 5, 5, 2}, {1, 1, 2, 3}, conv_attrs(3, 2, "SAME")},
      {"window as large as the image", {2, 4, 3, 2}, {4, 3, 2, 5}, conv_attrs(1, 1, "VALID")},
      {"window larger than the image, SAME", {1, 2, 2, 2}, {5, 3, 2, 3}, conv_attrs(1, 1, "SAME")},
      {"dilated", {1, 9, 8, 2}, {3, 2, 2, 3}, conv_attrs(1, 1, "VALID", 2, 3)},
      {"dilated, SAME, strided", {1, 7, 7, 2}, {3, 3, 2, 3}, conv_attrs(2, 2, "SAME", 2, 1)},
      {"EXPLICIT", {1, 4, 5, 2}, {3, 3, 2, 3}, with_pads(conv_attrs(1, 2, ""), {0, 0, 2, 0, 1, 3, 0, 0})},
      {"EXPLICIT, more padding than window",
       {1, 2, 2, 1},
       {2, 2, 1, 2},
       with_pads(conv_attrs(1, 1, ""), {0, 0, 3, 3, 0, 4, 0, 0})},
      {"one pixel", {3, 1, 1, 5}, {1, 1, 5, 2}, conv_attrs(1, 1, "VALID")},
      {"MNIST", {2, 28, 28, 1}, {5, 5, 1, 32}, conv_attrs(1, 1, "SAME")},
      {"large enough for Winograd, SAME", {1, 15, 14, 16}, {3, 3, 16, 18}, conv_attrs(1, 1, "SAME")},
      {"large enough for Winograd, VALID", {1, 18, 17, 17}, {3, 3, 17, 32}, conv_attrs(1, 1, "VALID")},
      {"row of taps, transformed if constant", {1, 10, 10, 32}, {1, 7, 32, 33}, conv_attrs(1, 1, "SAME")},
      {"column of taps, transformed", {2, 17, 16, 32}, {7, 1, 32, 40}, conv_attrs(1, 1, "SAME")},
      {"column of taps, transformed, VALID", {3, 18, 17, 17}, {3, 1, 17, 32}, conv_attrs(1, 1, "VALID")},
      {"empty batch", {0, 4, 4, 2}, {3, 3, 2, 3}, conv_attrs(1, 1, "SAME")},
      {"no image", {2, 0, 0, 2}, {3, 3, 2, 3}, conv_attrs(1, 1, "SAME")},
      {"no output channels", {1, 4, 4, 2}, {3, 3, 2, 0}, conv_attrs(1, 1, "SAME")},
  };
}

Tensor int_vector(const Shape& shape) {
  std::vector<int32_t> dims;
  for (int64_t dim : shape.dims()) dims.push_back(static_cast<int32_t>(dim));
  return Tensor::vector<int32_t>(dims);
}

Shape shape_of_values(const Tensor& sizes) {
  std::vector<int64_t> dims = *int_values(sizes);
  return Shape(dims);
}

// Which operands of the op are images, and which hold an image's sizes.
ImageOperands image_operands(const std::string& op) {
  if (op.ends_with("BackpropInput") || op.ends_with("BackpropInputV2")) {
    return {.images = {2}, .sizes = {0}, .outputs = {0}};
  }
  if (op.ends_with("BackpropFilter") || op.ends_with("BackpropFilterV2")) return {.images = {0, 2}};
  return {.images = {0}, .outputs = {0}};
}

TARN_OP_CASES(conv2d) {
  OpCases cases;
  for (const Sizes& s : conv_sizes()) {
    Tensor x = uniform(s.x), filter = uniform(s.filter, -1, 1, 2);
    Shape output = naive_conv(x, filter, s.attrs).shape();
    Tensor dy = uniform(output, -1, 1, 3);
    double terms = static_cast<double>(s.filter.dim(0) * s.filter.dim(1) * s.filter.dim(2));
    cases.push_back(
        {.op = "Conv2D",
         .label = s.label,
         .attrs = s.attrs,
         .inputs = {x, filter},
         .reference = [](const Tensors& in, const AttrMap& attrs) { return Tensors{naive_conv(in[0], in[1], attrs)}; },
         .sum_length = terms});
    cases.push_back({.op = "Conv2DBackpropInput",
                     .label = s.label,
                     .attrs = s.attrs,
                     .inputs = {int_vector(s.x), filter, dy},
                     .reference =
                         [](const Tensors& in, const AttrMap& attrs) {
                           return Tensors{naive_conv_input_gradient(shape_of_values(in[0]), in[1], in[2], attrs)};
                         },
                     .sum_length = static_cast<double>(s.filter.dim(0) * s.filter.dim(1) * s.filter.dim(3))});
    cases.push_back({.op = "Conv2DBackpropFilter",
                     .label = s.label,
                     .attrs = s.attrs,
                     .inputs = {x, int_vector(s.filter), dy},
                     .reference =
                         [](const Tensors& in, const AttrMap& attrs) {
                           return Tensors{naive_conv_filter_gradient(in[0], shape_of_values(in[1]), in[2], attrs)};
                         },
                     .sum_length = static_cast<double>(output.dim(0) * output.dim(1) * output.dim(2))});
  }
  for (size_t i = 0, count = cases.size(); i < count; ++i) {
    // MNIST and the like are large, and the way there is the same.
    if (cases[i].inputs[0].element_count() > 1000 ||
        cases[i].inputs[2 % cases[i].inputs.size()].element_count() > 1000) {
      continue;
    }
    cases.push_back(channels_first(cases[i], image_operands(cases[i].op)));
  }
  return cases;
}

// Channel c * multiplier + m is the convolution of channel c alone with filter [.., c, m]: a full filter that is 0
// between different channels.
Tensors depthwise(const Tensors& in, const AttrMap& attrs) {
  const Shape& fs = in[1].shape();
  int64_t channels = fs.dim(2), multiplier = fs.dim(3);
  Tensor full = *Tensor::zeros(DType::kDouble, Shape{fs.dim(0), fs.dim(1), channels, channels * multiplier});
  for (int64_t h = 0; h < fs.dim(0); ++h) {
    for (int64_t w = 0; w < fs.dim(1); ++w) {
      for (int64_t c = 0; c < channels; ++c) {
        for (int64_t m = 0; m < multiplier; ++m) at(full, h, w, c, c * multiplier + m) = at(in[1], h, w, c, m);
      }
    }
  }
  return {naive_conv(in[0], full, attrs)};
}

// Visits every pair of a product: dx[c] or dfilter[c, m] is a sum over dy[c * multiplier + m].
Tensor depthwise_input_gradient(const Shape& xs, const Tensor& filter, const Tensor& dy, const AttrMap& attrs) {
  const Shape& fs = filter.shape();
  Tensor dx = *Tensor::zeros(DType::kDouble, xs);
  visit_windows(attrs, xs.dim(0), xs.dim(1), xs.dim(2), fs.dim(0), fs.dim(1),
                [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column, int64_t h, int64_t w) {
                  for (int64_t c = 0; c < fs.dim(2); ++c) {
                    for (int64_t m = 0; m < fs.dim(3); ++m) {
                      at(dx, n, row, column, c) += at(dy, n, i, j, c * fs.dim(3) + m) * at(filter, h, w, c, m);
                    }
                  }
                });
  return dx;
}

Tensor depthwise_filter_gradient(const Tensor& x, const Shape& fs, const Tensor& dy, const AttrMap& attrs) {
  const Shape& xs = x.shape();
  Tensor dfilter = *Tensor::zeros(DType::kDouble, fs);
  visit_windows(attrs, xs.dim(0), xs.dim(1), xs.dim(2), fs.dim(0), fs.dim(1),
                [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column, int64_t h, int64_t w) {
                  for (int64_t c = 0; c < fs.dim(2); ++c) {
                    for (int64_t m = 0; m < fs.dim(3); ++m) {
                      at(dfilter, h, w, c, m) += at(dy, n, i, j, c * fs.dim(3) + m) * at(x, n, row, column, c);
                    }
                  }
                });
  return dfilter;
}

TARN_OP_CASES(depthwise_conv2d) {
  OpCases cases;
  const Sizes sizes[] = {
      {"SAME", {2, 5, 6, 3}, {3, 3, 3, 1}, conv_attrs(1, 1, "SAME")},
      {"multiplier 2, VALID", {1, 6, 5, 4}, {3, 2, 4, 2}, conv_attrs(1, 1, "VALID")},
      {"stride 2", {1, 7, 8, 17}, {3, 3, 17, 1}, conv_attrs(2, 2, "SAME")},
      {"dilated", {1, 9, 8, 2}, {3, 3, 2, 3}, conv_attrs(1, 1, "VALID", 2, 2)},
      {"even window", {1, 5, 5, 2}, {2, 4, 2, 1}, conv_attrs(1, 1, "SAME")},
      {"large enough for Winograd, SAME", {1, 15, 14, 16}, {3, 3, 16, 18}, conv_attrs(1, 1, "SAME")},
      {"large enough for Winograd, VALID", {1, 18, 17, 17}, {3, 3, 17, 32}, conv_attrs(1, 1, "VALID")},
      {"empty batch", {0, 4, 4, 2}, {3, 3, 2, 1}, conv_attrs(1, 1, "SAME")},
      {"multiplier 0", {1, 4, 4, 2}, {3, 3, 2, 0}, conv_attrs(1, 1, "SAME")},
      {"stride beyond the filter", {1, 7, 6, 2}, {2, 2, 2, 2}, conv_attrs(3, 3, "VALID")},
      {"more channels than a block", {1, 3, 4, 33}, {2, 3, 33, 2}, conv_attrs(1, 1, "SAME")},
      {"EXPLICIT", {2, 4, 5, 2}, {3, 3, 2, 2}, with_pads(conv_attrs(2, 1, ""), {0, 0, 2, 1, 0, 3, 0, 0})},
      {"no image", {2, 0, 0, 2}, {1, 1, 2, 2}, conv_attrs(1, 1, "SAME")},
  };
  for (const Sizes& s : sizes) {
    Tensor x = uniform(s.x), filter = uniform(s.filter, -1, 1, 2);
    Shape output = {s.x.dim(0), naive_window(s.attrs, 1, s.x.dim(1), s.filter.dim(0)).out,
                    naive_window(s.attrs, 2, s.x.dim(2), s.filter.dim(1)).out, s.filter.dim(2) * s.filter.dim(3)};
    Tensor dy = uniform(output, -1, 1, 3);
    cases.push_back({.op = "DepthwiseConv2dNativeBackpropInput",
                     .label = s.label,
                     .attrs = s.attrs,
                     .inputs = {int_vector(s.x), filter, dy},
                     .reference =
                         [](const Tensors& in, const AttrMap& attrs) {
                           return Tensors{depthwise_input_gradient(shape_of_values(in[0]), in[1], in[2], attrs)};
                         },
                     .sum_length = static_cast<double>(s.filter.dim(0) * s.filter.dim(1) * s.filter.dim(3))});
    cases.push_back({.op = "DepthwiseConv2dNativeBackpropFilter",
                     .label = s.label,
                     .attrs = s.attrs,
                     .inputs = {x, int_vector(s.filter), dy},
                     .reference =
                         [](const Tensors& in, const AttrMap& attrs) {
                           return Tensors{depthwise_filter_gradient(in[0], shape_of_values(in[1]), in[2], attrs)};
                         },
                     .sum_length = static_cast<double>(output.dim(0) * output.dim(1) * output.dim(2))});
    cases.push_back({.op = "DepthwiseConv2dNative",
                     .label = s.label,
                     .attrs = s.attrs,
                     .inputs = {uniform(s.x), uniform(s.filter, -1, 1, 2)},
                     .reference = depthwise,
                     .sum_length = static_cast<double>(s.filter.dim(0) * s.filter.dim(1))});
  }
  for (size_t i = 0, count = cases.size(); i < count; ++i) {
    // MNIST and the like are large, and the way there is the same.
    if (cases[i].inputs[0].element_count() > 1000 ||
        cases[i].inputs[2 % cases[i].inputs.size()].element_count() > 1000) {
      continue;
    }
    cases.push_back(channels_first(cases[i], image_operands(cases[i].op)));
  }
  return cases;
}

TEST(Conv2D, BiasAndActivationComeAfterTheSum) {
  AttrMap attrs = conv_attrs(2, 1, "SAME");
  attrs.set("T", DType::kFloat);
  for (const char* name : {"Conv2D", "DepthwiseConv2dNative"}) {
    const OpRegistry::Op* op = op_table().find(name);
    bool is_depthwise = name != std::string("Conv2D");
    Tensor x = to_dtype(uniform({2, 5, 5, 3}, -4, 4), DType::kFloat);
    Tensor filter = to_dtype(uniform(is_depthwise ? Shape{3, 3, 3, 6} : Shape{3, 3, 3, 18}, -1, 1, 2), DType::kFloat);
    Tensor bias = to_dtype(uniform({18}, -3, 3, 3), DType::kFloat);
    AttrMap resolved = attrs;
    NodeTypes types;
    std::vector<InputInfo> infos(2, InputInfo{DType::kFloat, false, "x"});
    ASSERT_TRUE(op->schema.resolve("conv", resolved, infos, {}, types).ok());
    for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kRelu6}) {
      for (bool constant : {false, true}) {
        auto y =
            evaluate_node(*op, "conv", resolved, std::vector<Tensor>{x, filter, bias},
                          {.epilogue = {.has_bias = true, .activation = activation}, .inputs_are_constant = constant});

        ASSERT_TRUE(y.ok()) << y.status().to_string();
        Tensors plain = is_depthwise ? depthwise({to_double(x), to_double(filter)}, resolved)
                                     : Tensors{naive_conv(to_double(x), to_double(filter), resolved)};
        Tensor expected = map2(plain[0], bias, [&](double sum, double b) {
          double v = sum + b;
          if (activation != Activation::kNone) v = std::max(v, 0.0);
          return activation == Activation::kRelu6 ? std::min(v, 6.0) : v;
        });
        // 27 products and a bias; partial sums reach about 20 where Relu6 keeps only 6.
        double tolerance = 4 * (28 + 3) * dtype_epsilon(DType::kFloat);
        EXPECT_EQ(difference((*y)[0], to_dtype(expected, DType::kFloat), tolerance), "")
            << name << ", activation " << static_cast<int>(activation) << ", constant " << constant;
      }
    }
  }
}

TEST(Conv2D, PackedConstantWeightsGiveTheSameBits) {
  std::vector<Tensor> inputs = {to_dtype(uniform({1, 8, 8, 3}), DType::kFloat),
                                to_dtype(uniform({3, 3, 3, 20}, -1, 1, 2), DType::kFloat)};

  auto plain = evaluate_op(op_table(), "Conv2D", conv_attrs(1, 1, "SAME"), inputs);
  auto packed = evaluate_op(op_table(), "Conv2D", conv_attrs(1, 1, "SAME"), inputs, {.inputs_are_constant = true});

  ASSERT_TRUE(plain.ok() && packed.ok());
  EXPECT_TRUE((*packed)[0].identical_to((*plain)[0]));
}

TEST(Conv2DBackpropInput, TakesHeightAndWidthAlone) {
  Tensor filter = uniform({3, 3, 2, 4}), dy = uniform({1, 5, 5, 4});

  auto dx = evaluate_op(op_table(), "Conv2DBackpropInput", conv_attrs(1, 1, "SAME"),
                        std::vector<Tensor>{ints({2}, {5, 5}), filter, dy});

  ASSERT_TRUE(dx.ok()) << dx.status().to_string();
  AttrMap attrs = conv_attrs(1, 1, "SAME");
  EXPECT_EQ(difference((*dx)[0], naive_conv_input_gradient({1, 5, 5, 2}, filter, dy, attrs), 1e-13), "");
}

struct BadConv {
  const char* label;
  AttrMap attrs;
  Shape x, filter;
  const char* message;  // part of it
};

class RefusesBadConvolution : public ::testing::TestWithParam<BadConv> {};

TEST_P(RefusesBadConvolution, NamingWhatIsWrong) {
  const BadConv& bad = GetParam();

  auto y = evaluate_op(op_table(), "Conv2D", bad.attrs, std::vector<Tensor>{uniform(bad.x), uniform(bad.filter)});

  ASSERT_FALSE(y.ok());
  EXPECT_NE(y.status().message().find(bad.message), std::string::npos) << y.status().message();
}

AttrMap with(AttrMap attrs, const char* name, AttrValue value) {
  attrs.set(name, std::move(value));
  return attrs;
}

const Shape kImage{1, 4, 4, 2}, kFilter{3, 3, 2, 3};
INSTANTIATE_TEST_SUITE_P(
    Ops, RefusesBadConvolution,
    ::testing::Values(
        BadConv{"stride0", conv_attrs(0, 1, "SAME"), kImage, kFilter, "attr 'strides' holds 0"},
        BadConv{"strideNegative", conv_attrs(1, -1, "SAME"), kImage, kFilter, "attr 'strides' holds -1"},
        BadConv{"strideHuge", conv_attrs(int64_t{1} << 31, 1, "SAME"), kImage, kFilter,
                "attr 'strides' holds 2147483648"},
        BadConv{"threeStrides", with(conv_attrs(1, 1, "SAME"), "strides", std::vector<int64_t>{1, 1, 1}), kImage,
                kFilter, "attr 'strides' must have 4 numbers, has 3"},
        BadConv{"noStrides", with(conv_attrs(1, 1, "SAME"), "strides", std::vector<int64_t>{}), kImage, kFilter,
                "attr 'strides' must have 4 numbers, has 0"},
        BadConv{"batchStride", with(conv_attrs(1, 1, "SAME"), "strides", std::vector<int64_t>{2, 1, 1, 1}), kImage,
                kFilter, "must be 1 for batch and channels"},
        BadConv{"dilation0", conv_attrs(1, 1, "SAME", 0, 1), kImage, kFilter, "attr 'dilations' holds 0"},
        BadConv{"dilationNegative", conv_attrs(1, 1, "SAME", 1, -1), kImage, kFilter, "attr 'dilations' holds -1"},
        BadConv{"dilationHuge", conv_attrs(1, 1, "VALID", 1 << 30, 1), kImage, kFilter, "does not fit"},
        BadConv{"paddingFoo", conv_attrs(1, 1, "FOO"), kImage, kFilter, "'FOO' is not one of"},
        BadConv{"padsTooFew", with_pads(conv_attrs(1, 1, ""), {0, 0, 1, 1}), kImage, kFilter,
                "attr 'explicit_paddings' must have 8 numbers, has 4"},
        BadConv{"padsNegative", with_pads(conv_attrs(1, 1, ""), {0, 0, -1, 1, 0, 0, 0, 0}), kImage, kFilter,
                "attr 'explicit_paddings' holds -1"},
        BadConv{"padsOfChannels", with_pads(conv_attrs(1, 1, ""), {0, 0, 0, 0, 0, 0, 1, 0}), kImage, kFilter,
                "must be 0 for batch and channels"},
        BadConv{"padsWithSame", with(conv_attrs(1, 1, "SAME"), "explicit_paddings", std::vector<int64_t>(8, 1)), kImage,
                kFilter, "attr 'explicit_paddings' is given, but 'padding' is SAME"},
        BadConv{"formatAbcd", with(conv_attrs(1, 1, "SAME"), "data_format", "ABCD"), kImage, kFilter, "ABCD"},
        BadConv{"filterHeight0", conv_attrs(1, 1, "SAME"), kImage, {0, 3, 2, 3}, "height, width and input channels"},
        BadConv{
            "filterChannels0", conv_attrs(1, 1, "SAME"), {1, 4, 4, 0}, {3, 3, 0, 3}, "input channels of at least 1"},
        BadConv{"filterRank3", conv_attrs(1, 1, "SAME"), kImage, {3, 3, 2}, "input 'filter' must have rank 4"},
        BadConv{"inputRank3", conv_attrs(1, 1, "SAME"), {4, 4, 2}, kFilter, "input 'input' must have rank 4"},
        BadConv{"channels",
                conv_attrs(1, 1, "SAME"),
                {1, 4, 4, 5},
                kFilter,
                "filter expects 2 input channels but input has 5 (input f64[1,4,4,5], filter f64[3,3,2,3])"},
        BadConv{"groups", conv_attrs(1, 1, "SAME"), {1, 4, 4, 4}, kFilter, "in 2 groups is not supported"},
        BadConv{"tooLarge",
                conv_attrs(1, 1, "VALID"),
                {1, 2, 4, 2},
                kFilter,
                "a window of height 3 does not fit into an input of height 2"}),
    [](const ::testing::TestParamInfo<BadConv>& info) { return info.param.label; });

TEST(Conv2DBackprop, RefusesSizesThatDoNotBelongTogether) {
  AttrMap attrs = conv_attrs(1, 1, "SAME");
  Tensor filter = uniform(kFilter), dy = uniform({1, 4, 4, 3});
  auto input_gradient = [&](Tensor sizes) {
    return evaluate_op(op_table(), "Conv2DBackpropInput", attrs, std::vector<Tensor>{std::move(sizes), filter, dy});
  };
  auto filter_gradient = [&](Tensor sizes) {
    return evaluate_op(op_table(), "Conv2DBackpropFilter", attrs,
                       std::vector<Tensor>{uniform(kImage), std::move(sizes), dy});
  };

  EXPECT_TRUE(input_gradient(ints({4}, {1, 4, 4, 2})).ok());
  EXPECT_FALSE(input_gradient(ints({4}, {1, 5, 4, 2})).ok());
  EXPECT_FALSE(input_gradient(ints({4}, {1, 4, 4, 3})).ok());
  EXPECT_FALSE(input_gradient(ints({4}, {1, -4, 4, 2})).ok());
  EXPECT_FALSE(input_gradient(ints({1}, {4})).ok());
  EXPECT_FALSE(input_gradient(ints({4}, {1 << 30, 1 << 30, 1 << 30, 2})).ok());
  EXPECT_TRUE(filter_gradient(ints({4}, {3, 3, 2, 3})).ok());
  EXPECT_FALSE(filter_gradient(ints({4}, {3, 3, 2, 4})).ok());
  EXPECT_FALSE(filter_gradient(ints({3}, {3, 3, 6})).ok());
}

}  // namespace
}  // namespace tarn::testing
