// Conv3D, Conv3DBackpropInputV2, Conv3DBackpropFilterV2, MaxPool3D, AvgPool3D and the gradient ops of both pools.
#include <gtest/gtest.h>

#include <limits>

#include "tests/ops/channels_first.h"
#include "tests/ops/harness.h"
#include "tests/ops/naive_windows.h"

namespace tarn::testing {
namespace {

// ---- References: visit every pair of a window and a cell under it -------------------------------------------------

using Dims = std::vector<int64_t>;

struct Visit {
  Index out, in;  // without batch and channels
  Index tap;
};

void visit_volume(const AttrMap& attrs, const Shape& x, const Dims& size, const std::function<void(const Visit&)>& f) {
  NaiveWindow w[3];
  for (int d = 0; d < 3; ++d) w[d] = naive_window(attrs, d + 1, x.dim(d + 1), size[static_cast<size_t>(d)]);
  auto along = [&](size_t d, const std::function<void(int64_t, int64_t, int64_t)>& g) {
    for (int64_t i = 0; i < w[d].out; ++i) {
      for (int64_t t = 0; t < w[d].size; ++t) {
        int64_t at = i * w[d].stride - w[d].pad_before + t * w[d].dilation;
        if (at >= 0 && at < x.dim(static_cast<int>(d) + 1)) g(i, at, t);
      }
    }
  };
  along(0, [&](int64_t i, int64_t z, int64_t a) {
    along(1, [&](int64_t j, int64_t y, int64_t b) {
      along(2, [&](int64_t k, int64_t v, int64_t c) { f({{i, j, k}, {z, y, v}, {a, b, c}}); });
    });
  });
}

Index cell(int64_t n, const Index& i, int64_t channel) {
  return {n, i[0], i[1], i[2], channel};
}

double& element(Tensor& x, const Index& index) {
  int64_t offset = 0;
  for (size_t d = 0; d < index.size(); ++d) offset = offset * x.shape().dim(static_cast<int>(d)) + index[d];
  return x.mutable_flat<double>()[static_cast<size_t>(offset)];
}

Shape output_of(const Shape& x, const Dims& size, int64_t channels, const AttrMap& attrs) {
  Dims dims = {x.dim(0)};
  for (int d = 0; d < 3; ++d)
    dims.push_back(naive_window(attrs, d + 1, x.dim(d + 1), size[static_cast<size_t>(d)]).out);
  dims.push_back(channels);
  return Shape(dims);
}

Dims filter_size(const Shape& f) {
  return {f.dim(0), f.dim(1), f.dim(2)};
}

// Calls f(element of x, of the filter, of y) for every product.
using Products = std::function<void(const Index&, const Index&, const Index&)>;
void visit_products(const Shape& x, const Shape& filter, const AttrMap& attrs, const Products& f) {
  visit_volume(attrs, x, filter_size(filter), [&](const Visit& v) {
    for (int64_t n = 0; n < x.dim(0); ++n) {
      for (int64_t c = 0; c < filter.dim(3); ++c) {
        for (int64_t k = 0; k < filter.dim(4); ++k) {
          f(cell(n, v.in, c), {v.tap[0], v.tap[1], v.tap[2], c, k}, cell(n, v.out, k));
        }
      }
    }
  });
}

Shape shape_of_values(const Tensor& sizes) {
  return Shape(*int_values(sizes));
}

Tensors conv3d(const Tensors& in, const AttrMap& attrs) {
  const Shape &x = in[0].shape(), &filter = in[1].shape();
  Tensor y = *Tensor::zeros(DType::kDouble, output_of(x, filter_size(filter), filter.dim(4), attrs));
  visit_products(x, filter, attrs,
                 [&](const Index& a, const Index& b, const Index& c) { element(y, c) += at(in[0], a) * at(in[1], b); });
  return {y};
}

Tensors input_gradient(const Tensors& in, const AttrMap& attrs) {
  Tensor dx = *Tensor::zeros(DType::kDouble, shape_of_values(in[0]));
  visit_products(dx.shape(), in[1].shape(), attrs, [&](const Index& a, const Index& b, const Index& c) {
    element(dx, a) += at(in[2], c) * at(in[1], b);
  });
  return {dx};
}

Tensors filter_gradient(const Tensors& in, const AttrMap& attrs) {
  Tensor dfilter = *Tensor::zeros(DType::kDouble, shape_of_values(in[1]));
  visit_products(in[0].shape(), dfilter.shape(), attrs, [&](const Index& a, const Index& b, const Index& c) {
    element(dfilter, b) += at(in[2], c) * at(in[0], a);
  });
  return {dfilter};
}

Dims pool_size(const AttrMap& attrs) {
  const auto& ksize = attrs.get<std::vector<int64_t>>("ksize");
  return {ksize[1], ksize[2], ksize[3]};
}

// Calls f(element of x, element of y) for every pair.
void visit_pool(const Shape& x, const AttrMap& attrs, const std::function<void(const Index&, const Index&)>& f) {
  visit_volume(attrs, x, pool_size(attrs), [&](const Visit& v) {
    for (int64_t n = 0; n < x.dim(0); ++n) {
      for (int64_t c = 0; c < x.dim(4); ++c) f(cell(n, v.in, c), cell(n, v.out, c));
    }
  });
}

Tensor pooled(const Shape& x, const AttrMap& attrs, double value) {
  Shape shape = output_of(x, pool_size(attrs), x.dim(4), attrs);
  return map(*Tensor::zeros(DType::kDouble, shape), [&](double) { return value; });
}

Tensor max_pool(const Tensor& x, const AttrMap& attrs) {
  Tensor y = pooled(x.shape(), attrs, -1e300);
  visit_pool(x.shape(), attrs,
             [&](const Index& in, const Index& out) { element(y, out) = std::max(element(y, out), at(x, in)); });
  return y;
}

Tensor max_pool_grad(const Tensor& x, const Tensor& y, const Tensor& dy, const AttrMap& attrs) {
  Tensor dx = *Tensor::zeros(DType::kDouble, x.shape());
  visit_pool(x.shape(), attrs, [&](const Index& in, const Index& out) {
    if (at(x, in) == at(y, out)) element(dx, in) += at(dy, out);
  });
  return dx;
}

Tensor cell_counts(const Shape& x, const AttrMap& attrs) {
  Tensor counts = pooled(x, attrs, 0);
  visit_pool(x, attrs, [&](const Index&, const Index& out) { element(counts, out) += 1; });
  return counts;
}

Tensor avg_pool(const Tensor& x, const AttrMap& attrs) {
  Tensor y = pooled(x.shape(), attrs, 0);
  visit_pool(x.shape(), attrs, [&](const Index& in, const Index& out) { element(y, out) += at(x, in); });
  return map2(y, cell_counts(x.shape(), attrs), [](double sum, double count) { return sum / count; });
}

Tensor avg_pool_grad(const Shape& x, const Tensor& dy, const AttrMap& attrs) {
  Tensor dx = *Tensor::zeros(DType::kDouble, x), counts = cell_counts(x, attrs);
  visit_pool(x, attrs, [&](const Index& in, const Index& out) { element(dx, in) += at(dy, out) / at(counts, out); });
  return dx;
}

// ---- Cases ----------------------------------------------------------------------------------------------------------

Dims five(const Dims& dims) {
  return {1, dims[0], dims[1], dims[2], 1};
}

AttrMap conv_attrs(const Dims& strides, const char* padding, const Dims& dilations = {1, 1, 1}) {
  return {{"strides", five(strides)}, {"padding", padding}, {"dilations", five(dilations)}};
}

AttrMap pool_attrs(const Dims& window, const Dims& strides, const char* padding) {
  return {{"ksize", five(window)}, {"strides", five(strides)}, {"padding", padding}};
}

Tensor int_vector(const Shape& shape) {
  std::vector<int32_t> dims(shape.dims().begin(), shape.dims().end());
  return Tensor::vector<int32_t>(dims);
}

// Which operands of the op are images, and which hold an image's sizes.
ImageOperands image_operands(const std::string& op) {
  if (op.ends_with("BackpropInput") || op.ends_with("BackpropInputV2")) {
    return {.images = {2}, .sizes = {0}, .outputs = {0}};
  }
  if (op.ends_with("BackpropFilter") || op.ends_with("BackpropFilterV2")) return {.images = {0, 2}};
  return {.images = {0}, .outputs = {0}};
}

TARN_OP_CASES(conv3d) {
  struct Sizes {
    const char* label;
    Shape x, filter;
    AttrMap attrs;
  };
  const Sizes sizes[] = {
      {"SAME", {2, 3, 4, 5, 2}, {3, 3, 3, 2, 3}, conv_attrs({1, 1, 1}, "SAME")},
      {"VALID", {1, 4, 3, 5, 3}, {2, 3, 2, 3, 5}, conv_attrs({1, 1, 1}, "VALID")},
      {"strides that differ, SAME", {1, 5, 6, 7, 1}, {3, 2, 3, 1, 2}, conv_attrs({2, 1, 3}, "SAME")},
      {"stride 2, VALID, cells left over", {1, 4, 5, 6, 2}, {2, 2, 3, 2, 2}, conv_attrs({2, 2, 2}, "VALID")},
      {"stride beyond the filter", {1, 5, 4, 4, 1}, {1, 1, 1, 1, 2}, conv_attrs({3, 2, 2}, "SAME")},
      {"dilated", {1, 5, 6, 5, 1}, {2, 3, 2, 1, 2}, conv_attrs({1, 1, 2}, "SAME", {2, 1, 2})},
      {"window larger than the volume, SAME", {1, 2, 2, 1, 2}, {3, 5, 2, 2, 1}, conv_attrs({1, 1, 1}, "SAME")},
      {"more than one block", {1, 6, 17, 18, 5}, {3, 3, 3, 5, 2}, conv_attrs({1, 1, 1}, "SAME")},
      {"empty batch", {0, 3, 3, 3, 2}, {2, 2, 2, 2, 3}, conv_attrs({1, 1, 1}, "SAME")},
      {"no volume", {1, 0, 3, 3, 2}, {2, 2, 2, 2, 3}, conv_attrs({1, 1, 1}, "SAME")},
      {"no output channels", {1, 3, 3, 3, 2}, {2, 2, 2, 2, 0}, conv_attrs({1, 1, 1}, "SAME")},
  };
  OpCases cases;
  for (const Sizes& s : sizes) {
    Tensor x = uniform(s.x), filter = uniform(s.filter, -1, 1, 2);
    Shape output = output_of(s.x, filter_size(s.filter), s.filter.dim(4), s.attrs);
    Tensor dy = uniform(output, -1, 1, 3);
    auto taps = static_cast<double>(s.filter.dim(0) * s.filter.dim(1) * s.filter.dim(2));
    cases.push_back({.op = "Conv3D",
                     .label = s.label,
                     .attrs = s.attrs,
                     .inputs = {x, filter},
                     .reference = conv3d,
                     .sum_length = taps * static_cast<double>(s.filter.dim(3))});
    cases.push_back({.op = "Conv3DBackpropInputV2",
                     .label = s.label,
                     .attrs = s.attrs,
                     .inputs = {int_vector(s.x), filter, dy},
                     .reference = input_gradient,
                     .sum_length = taps * static_cast<double>(s.filter.dim(4))});
    cases.push_back({.op = "Conv3DBackpropFilterV2",
                     .label = s.label,
                     .attrs = s.attrs,
                     .inputs = {x, int_vector(s.filter), dy},
                     .reference = filter_gradient,
                     .sum_length = static_cast<double>(output.dim(0) * output.dim(1) * output.dim(2) * output.dim(3))});
  }
  for (size_t i = 0, count = cases.size(); i < count; ++i) {
    cases.push_back(channels_first(cases[i], image_operands(cases[i].op)));
  }
  return cases;
}

TARN_OP_CASES(pool3d) {
  struct Sizes {
    const char* label;
    Shape x;
    AttrMap attrs;
  };
  const Sizes sizes[] = {
      {"2x2x2", {2, 4, 2, 4, 3}, pool_attrs({2, 2, 2}, {2, 2, 2}, "VALID")},
      {"2x2x2, SAME, odd volume", {1, 3, 5, 3, 17}, pool_attrs({2, 2, 2}, {2, 2, 2}, "SAME")},
      {"overlapping, SAME", {1, 5, 4, 3, 2}, pool_attrs({3, 2, 3}, {2, 1, 1}, "SAME")},
      {"VALID, cells left over", {1, 4, 6, 5, 1}, pool_attrs({3, 2, 1}, {1, 3, 2}, "VALID")},
      {"window larger than the volume, SAME", {1, 2, 1, 2, 2}, pool_attrs({5, 3, 4}, {1, 1, 1}, "SAME")},
      {"more than one range", {2, 4, 20, 21, 9}, pool_attrs({2, 3, 2}, {1, 2, 1}, "SAME")},
      {"empty batch", {0, 3, 3, 3, 2}, pool_attrs({2, 2, 2}, {2, 2, 2}, "SAME")},
      {"no volume", {1, 0, 0, 0, 2}, pool_attrs({2, 2, 2}, {2, 2, 2}, "SAME")},
  };
  OpCases cases;
  for (const Sizes& s : sizes) {
    Dims size = pool_size(s.attrs);
    auto cells = static_cast<double>(size[0] * size[1] * size[2]);
    Tensor x = uniform(s.x), y = max_pool(x, s.attrs), dy = uniform(y.shape(), -1, 1, 2);
    cases.push_back(
        {.op = "MaxPool3D",
         .label = s.label,
         .attrs = s.attrs,
         .inputs = {x},
         .reference = [](const Tensors& in, const AttrMap& attrs) { return Tensors{max_pool(in[0], attrs)}; }});
    cases.push_back(
        {.op = "MaxPool3DGrad",
         .label = s.label,
         .attrs = s.attrs,
         .inputs = {x, y, dy},
         .reference = [](const Tensors& in,
                         const AttrMap& attrs) { return Tensors{max_pool_grad(in[0], in[1], in[2], attrs)}; },
         .sum_length = cells});
    cases.push_back(
        {.op = "AvgPool3D",
         .label = s.label,
         .attrs = s.attrs,
         .inputs = {x},
         .reference = [](const Tensors& in, const AttrMap& attrs) { return Tensors{avg_pool(in[0], attrs)}; },
         .sum_length = cells});
    cases.push_back(
        {.op = "AvgPool3DGrad",
         .label = s.label,
         .attrs = s.attrs,
         .inputs = {int_vector(s.x), dy},
         .reference = [](const Tensors& in,
                         const AttrMap& attrs) { return Tensors{avg_pool_grad(shape_of_values(in[0]), in[1], attrs)}; },
         .sum_length = cells});
  }
  for (size_t i = 0, count = cases.size(); i < count; ++i) {
    ImageOperands operands{.images = {0}, .outputs = {0}};
    if (cases[i].op == "MaxPool3DGrad") operands.images = {0, 1, 2};
    if (cases[i].op == "AvgPool3DGrad") operands = {.images = {1}, .sizes = {0}, .outputs = {0}};
    cases.push_back(channels_first(cases[i], operands));
  }
  return cases;
}

// ---- What is special ------------------------------------------------------------------------------------------------

Result<Tensors> run(const char* op, const AttrMap& attrs, Tensors inputs) {
  return evaluate_op(op_table(), op, attrs, inputs);
}

void expect_says(const Status& status, Code code, std::initializer_list<const char*> words) {
  EXPECT_EQ(status.code(), code) << status.to_string();
  for (const char* word : words) EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
}

TEST(MaxPool3DGrad, EqualCellsEachGetAllOfIt) {
  Tensor x = Tensor::from<float>({1, 2, 2, 2, 1}, {1, 3, 3, 3, 0, 3, 2, 3});
  Tensor y = Tensor::from<float>({1, 1, 1, 1, 1}, {3}), dy = Tensor::from<float>({1, 1, 1, 1, 1}, {2});

  auto dx = run("MaxPool3DGrad", pool_attrs({2, 2, 2}, {2, 2, 2}, "VALID"), {x, y, dy});

  ASSERT_TRUE(dx.ok()) << dx.status().to_string();
  Tensor expected = Tensor::from<float>({1, 2, 2, 2, 1}, {0, 2, 2, 2, 0, 2, 0, 2});
  EXPECT_TRUE((*dx)[0].identical_to(expected)) << (*dx)[0].to_string();
}

TEST(MaxPool3DGrad, NamesTypesThatDiffer) {
  Tensor x = uniform({1, 2, 2, 2, 1}), y = uniform({1, 1, 1, 1, 1});

  auto dx = run("MaxPool3DGrad", pool_attrs({2, 2, 2}, {2, 2, 2}, "VALID"), {x, y, to_dtype(y, DType::kFloat)});

  expect_says(dx.status(), Code::kUnimplemented, {"TInput", "double", "float"});
}

TEST(Pool3D, AcceptsTheLargestWindowWithSame) {
  int64_t most = std::numeric_limits<int32_t>::max();
  Tensor x = uniform({1, 2, 2, 2, 1});

  auto y = run("MaxPool3D", pool_attrs({most, most, most}, {1, 1, 1}, "SAME"), {x});

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  double largest = *std::max_element(x.flat<double>().begin(), x.flat<double>().end());
  for (double v : (*y)[0].flat<double>()) EXPECT_EQ(v, largest);
}

TEST(Volumes, RefuseBadWindowsByName) {
  Tensor x = uniform({1, 3, 3, 3, 2}), filter = uniform({2, 2, 2, 2, 1});
  auto pool = [&](Dims window, Dims strides, const char* padding) {
    return run("AvgPool3D", pool_attrs(window, strides, padding), {x}).status();
  };

  expect_says(pool({4, 1, 1}, {1, 1, 1}, "VALID"), Code::kInvalidArgument, {"depth 4", "depth 3"});
  expect_says(pool({1, 1, 4}, {1, 1, 1}, "VALID"), Code::kInvalidArgument, {"width 4", "width 3"});
  expect_says(pool({1, 1, 1}, {1, 0, 1}, "SAME"), Code::kInvalidArgument, {"strides"});
  expect_says(
      run("MaxPool3D", {{"ksize", Dims{1, 1, 1, 1, 2}}, {"strides", Dims(5, 1)}, {"padding", "SAME"}}, {x}).status(),
      Code::kInvalidArgument, {"ksize"});
  expect_says(run("Conv3D", conv_attrs({1, 1, 1}, "SAME"), {x, uniform({2, 2, 2, 3, 1})}).status(),
              Code::kInvalidArgument, {"3 input channels", "has 2"});
  expect_says(run("Conv3D", conv_attrs({1, 1, 1}, "SAME"), {uniform({3, 3, 3, 2}), filter}).status(),
              Code::kInvalidArgument, {"rank 5"});
}

TEST(Conv3DBackpropInputV2, TakesSizesOf64Bits) {
  AttrMap attrs = conv_attrs({1, 1, 1}, "VALID");
  Tensor filter = uniform({2, 2, 2, 2, 1}), dy = uniform({1, 2, 2, 2, 1});
  Tensor sizes = Tensor::vector<int64_t>(std::vector<int64_t>{1, 3, 3, 3, 2});

  auto dx = run("Conv3DBackpropInputV2", attrs, {sizes, filter, dy});

  ASSERT_TRUE(dx.ok()) << dx.status().to_string();
  EXPECT_EQ((*dx)[0].shape(), Shape({1, 3, 3, 3, 2}));
}

TEST(VolumeGradients, RefuseShapesThatDoNotBelongTogether) {
  AttrMap conv = conv_attrs({1, 1, 1}, "VALID"), pool = pool_attrs({2, 2, 2}, {2, 2, 2}, "VALID");
  Tensor x = uniform({1, 4, 4, 4, 2}), y = uniform({1, 2, 2, 2, 2}), wrong = uniform({1, 3, 2, 2, 2});
  Tensor filter = uniform({2, 2, 2, 2, 2});

  EXPECT_TRUE(run("MaxPool3DGrad", pool, {x, y, y}).ok());
  EXPECT_FALSE(run("MaxPool3DGrad", pool, {x, y, wrong}).ok());
  EXPECT_FALSE(run("MaxPool3DGrad", pool, {x, wrong, y}).ok());
  EXPECT_TRUE(run("AvgPool3DGrad", pool, {ints({5}, {1, 4, 4, 4, 2}), y}).ok());
  EXPECT_FALSE(run("AvgPool3DGrad", pool, {ints({5}, {1, 4, 4, 4, 2}), wrong}).ok());
  EXPECT_FALSE(run("AvgPool3DGrad", pool, {ints({4}, {1, 4, 4, 4}), y}).ok());
  EXPECT_TRUE(run("Conv3DBackpropInputV2", conv, {ints({5}, {1, 3, 3, 3, 2}), filter, y}).ok());
  EXPECT_FALSE(run("Conv3DBackpropInputV2", conv, {ints({5}, {1, 3, 3, 4, 2}), filter, y}).ok());
  EXPECT_FALSE(run("Conv3DBackpropFilterV2", conv, {x, ints({5}, {2, -2, 2, 2, 2}), y}).ok());
}

}  // namespace
}  // namespace tarn::testing
