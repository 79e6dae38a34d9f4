// MaxPool, MaxPoolGrad, MaxPoolV2, MaxPoolGradV2, AvgPool and AvgPoolGrad.
#include <gtest/gtest.h>

#include <limits>

#include "tests/ops/channels_first.h"
#include "tests/ops/harness.h"
#include "tests/ops/naive_windows.h"

namespace tarn::testing {
namespace {

AttrMap pool_attrs(int64_t window_h, int64_t window_w, int64_t stride_h, int64_t stride_w, const char* padding) {
  return {{"ksize", std::vector<int64_t>{1, window_h, window_w, 1}},
          {"strides", std::vector<int64_t>{1, stride_h, stride_w, 1}},
          {"padding", padding}};
}

// visit(n, out_h, out_w, in_h, in_w) for every cell under a window.
template <class F>
void visit_pool(const Shape& x, const AttrMap& attrs, const F& visit) {
  const auto& ksize = attrs.get<std::vector<int64_t>>("ksize");
  visit_windows(attrs, x.dim(0), x.dim(1), x.dim(2), ksize[1], ksize[2],
                [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column, int64_t, int64_t) {
                  visit(n, i, j, row, column);
                });
}

Tensor max_pool(const Tensor& x, const AttrMap& attrs) {
  Tensor y = map(*Tensor::zeros(DType::kDouble, naive_pooled_shape(x.shape(), attrs)), [](double) { return -1e300; });
  visit_pool(x.shape(), attrs, [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column) {
    for (int64_t c = 0; c < x.shape().dim(3); ++c)
      at(y, n, i, j, c) = std::max(at(y, n, i, j, c), at(x, n, row, column, c));
  });
  return y;
}

Tensor max_pool_grad(const Tensor& x, const Tensor& y, const Tensor& dy, const AttrMap& attrs) {
  Tensor dx = *Tensor::zeros(DType::kDouble, x.shape());
  Tensor given = *Tensor::zeros(DType::kDouble, y.shape());  // whether the window's gradient went somewhere
  visit_pool(x.shape(), attrs, [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column) {
    for (int64_t c = 0; c < x.shape().dim(3); ++c) {
      if (at(given, n, i, j, c) != 0 || at(x, n, row, column, c) != at(y, n, i, j, c)) continue;
      at(given, n, i, j, c) = 1;
      at(dx, n, row, column, c) += at(dy, n, i, j, c);
    }
  });
  return dx;
}

Tensor cell_counts(const Shape& x, const AttrMap& attrs) {
  Tensor counts = *Tensor::zeros(DType::kDouble, naive_pooled_shape(x, attrs));
  visit_pool(x, attrs, [&](int64_t n, int64_t i, int64_t j, int64_t, int64_t) {
    for (int64_t c = 0; c < x.dim(3); ++c) at(counts, n, i, j, c) += 1;
  });
  return counts;
}

Tensor avg_pool(const Tensor& x, const AttrMap& attrs) {
  Tensor y = *Tensor::zeros(DType::kDouble, naive_pooled_shape(x.shape(), attrs));
  visit_pool(x.shape(), attrs, [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column) {
    for (int64_t c = 0; c < x.shape().dim(3); ++c) at(y, n, i, j, c) += at(x, n, row, column, c);
  });
  return map2(y, cell_counts(x.shape(), attrs), [](double sum, double count) { return sum / count; });
}

Tensor avg_pool_grad(const Shape& x, const Tensor& dy, const AttrMap& attrs) {
  Tensor counts = cell_counts(x, attrs);
  Tensor dx = *Tensor::zeros(DType::kDouble, x);
  visit_pool(x, attrs, [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column) {
    for (int64_t c = 0; c < x.dim(3); ++c) at(dx, n, row, column, c) += at(dy, n, i, j, c) / at(counts, n, i, j, c);
  });
  return dx;
}

struct Sizes {
  const char* label;
  Shape x;
  AttrMap attrs;
};

// The same case of the op's version 2.
OpCase with_window_as_inputs(OpCase op_case) {
  size_t at = op_case.inputs.size();
  AttrMap attrs{{"padding", op_case.attrs.get<std::string>("padding")}};
  for (const char* name : {"ksize", "strides"}) {
    const auto& list = op_case.attrs.get<std::vector<int64_t>>(name);
    op_case.inputs.push_back(Tensor::vector<int32_t>(std::vector<int32_t>(list.begin(), list.end())));
  }
  op_case.attrs = std::move(attrs);
  op_case.reference = [at, reference = op_case.reference](const Tensors& in, AttrMap attrs) {
    attrs.set("ksize", int_list(in[at]));
    attrs.set("strides", int_list(in[at + 1]));
    return reference(in, attrs);
  };
  op_case.op += "V2";
  return op_case;
}

TARN_OP_CASES(pool) {
  const Sizes sizes[] = {
      {"2x2", {2, 4, 6, 3}, pool_attrs(2, 2, 2, 2, "VALID")},
      {"2x2, SAME, odd image", {1, 5, 5, 17}, pool_attrs(2, 2, 2, 2, "SAME")},
      {"3x3, overlapping, SAME", {1, 5, 4, 2}, pool_attrs(3, 3, 2, 2, "SAME")},
      {"3x3, stride 1, SAME", {1, 5, 5, 2}, pool_attrs(3, 3, 1, 1, "SAME")},
      {"3x2, VALID, cells left over", {1, 6, 7, 2}, pool_attrs(3, 2, 2, 3, "VALID")},
      {"1x1, stride 2", {1, 5, 5, 2}, pool_attrs(1, 1, 2, 2, "SAME")},
      {"whole image", {2, 3, 4, 5}, pool_attrs(3, 4, 3, 4, "VALID")},
      {"window larger than the image, SAME", {1, 2, 3, 2}, pool_attrs(5, 7, 1, 1, "SAME")},
      {"empty batch", {0, 4, 4, 2}, pool_attrs(2, 2, 2, 2, "SAME")},
      {"no image", {2, 0, 0, 2}, pool_attrs(2, 2, 2, 2, "SAME")},
  };
  OpCases cases;
  for (const Sizes& s : sizes) {
    const auto& ksize = s.attrs.get<std::vector<int64_t>>("ksize");
    auto cells = static_cast<double>(ksize[1] * ksize[2]);
    Tensor x = uniform(s.x);
    Tensor dy = uniform(naive_pooled_shape(s.x, s.attrs), -1, 1, 2);
    std::vector<int32_t> dims(s.x.dims().begin(), s.x.dims().end());
    cases.push_back(
        {.op = "MaxPool",
         .label = s.label,
         .attrs = s.attrs,
         .inputs = {x},
         .reference = [](const Tensors& in, const AttrMap& attrs) { return Tensors{max_pool(in[0], attrs)}; }});
    cases.push_back(
        {.op = "MaxPoolGrad",
         .label = s.label,
         .attrs = s.attrs,
         .inputs = {x, max_pool(x, s.attrs), dy},
         .reference = [](const Tensors& in,
                         const AttrMap& attrs) { return Tensors{max_pool_grad(in[0], in[1], in[2], attrs)}; },
         .sum_length = cells});
    cases.push_back(with_window_as_inputs(cases[cases.size() - 2]));
    cases.push_back(with_window_as_inputs(cases[cases.size() - 2]));
    cases.push_back(
        {.op = "AvgPool",
         .label = s.label,
         .attrs = s.attrs,
         .inputs = {x},
         .reference = [](const Tensors& in, const AttrMap& attrs) { return Tensors{avg_pool(in[0], attrs)}; },
         .sum_length = cells});
    cases.push_back({.op = "AvgPoolGrad",
                     .label = s.label,
                     .attrs = s.attrs,
                     .inputs = {Tensor::vector<int32_t>(dims), dy},
                     .reference =
                         [](const Tensors& in, const AttrMap& attrs) {
                           std::vector<int64_t> shape = *int_values(in[0]);
                           return Tensors{avg_pool_grad(Shape(shape), in[1], attrs)};
                         },
                     .sum_length = cells});
  }
  for (size_t i = 0, count = cases.size(); i < count; ++i) {
    ImageOperands operands{.images = {0}, .outputs = {0}};
    if (cases[i].op.starts_with("MaxPoolGrad")) operands.images = {0, 1, 2};
    if (cases[i].op == "MaxPoolV2") operands.sizes = {1, 2};
    if (cases[i].op == "MaxPoolGradV2") operands.sizes = {3, 4};
    if (cases[i].op == "AvgPoolGrad") operands = {.images = {1}, .sizes = {0}, .outputs = {0}};
    cases.push_back(channels_first(cases[i], operands));
  }
  return cases;
}

Result<Tensors> run(const char* op, const AttrMap& attrs, Tensors inputs) {
  return evaluate_op(op_table(), op, attrs, inputs);
}

TEST(MaxPool, PaddingIsNeverTheLargest) {
  Tensor x = map(uniform({1, 3, 3, 1}), [](double v) { return v - 5; });

  auto y = run("MaxPool", pool_attrs(2, 2, 2, 2, "SAME"), {x});

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  for (double v : (*y)[0].flat<double>()) EXPECT_LT(v, -4);
}

TEST(MaxPoolGrad, TheFirstOfEqualCellsGetsAll) {
  Tensor x = Tensor::from<float>({1, 2, 2, 1}, {1, 3, 3, 3});
  Tensor y = Tensor::from<float>({1, 1, 1, 1}, {3}), dy = Tensor::from<float>({1, 1, 1, 1}, {2});

  auto dx = run("MaxPoolGrad", pool_attrs(2, 2, 2, 2, "VALID"), {x, y, dy});

  ASSERT_TRUE(dx.ok()) << dx.status().to_string();
  EXPECT_TRUE((*dx)[0].identical_to(Tensor::from<float>({1, 2, 2, 1}, {0, 2, 0, 0}))) << (*dx)[0].to_string();
}

TEST(Pool, AcceptsTheLargestWindowWithSame) {
  int64_t most = std::numeric_limits<int32_t>::max();
  Tensor x = uniform({1, 2, 2, 1});

  auto y = run("MaxPool", pool_attrs(most, most, 1, 1, "SAME"), {x});

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  double largest = *std::max_element(x.flat<double>().begin(), x.flat<double>().end());
  for (double v : (*y)[0].flat<double>()) EXPECT_EQ(v, largest);
}

TEST(Pool, RefusesBadWindows) {
  Tensor x = uniform({1, 4, 4, 2});
  AttrMap three = pool_attrs(2, 2, 2, 2, "SAME"), channels = three;
  three.set("ksize", std::vector<int64_t>{1, 2, 2});
  channels.set("ksize", std::vector<int64_t>{1, 1, 1, 2});
  for (const char* op : {"MaxPool", "AvgPool"}) {
    EXPECT_FALSE(run(op, pool_attrs(0, 2, 1, 1, "SAME"), {x}).ok());
    EXPECT_FALSE(run(op, pool_attrs(-1, 2, 1, 1, "SAME"), {x}).ok());
    EXPECT_FALSE(run(op, pool_attrs(2, 2, 0, 1, "SAME"), {x}).ok());
    EXPECT_FALSE(run(op, pool_attrs(5, 2, 1, 1, "VALID"), {x}).ok());
    EXPECT_FALSE(run(op, pool_attrs(2, 2, 1, 1, "SAME"), {uniform({4, 4})}).ok());
    EXPECT_FALSE(run(op, three, {x}).ok());
    EXPECT_FALSE(run(op, channels, {x}).ok());
  }
}

TEST(PoolGrad, RefusesShapesThatDoNotBelongTogether) {
  AttrMap attrs = pool_attrs(2, 2, 2, 2, "SAME");
  Tensor x = uniform({1, 4, 4, 2}), y = uniform({1, 2, 2, 2}), wrong = uniform({1, 3, 2, 2});

  EXPECT_TRUE(run("MaxPoolGrad", attrs, {x, y, y}).ok());
  EXPECT_FALSE(run("MaxPoolGrad", attrs, {x, y, wrong}).ok());
  EXPECT_FALSE(run("MaxPoolGrad", attrs, {x, wrong, y}).ok());
  EXPECT_TRUE(run("AvgPoolGrad", attrs, {ints({4}, {1, 4, 4, 2}), y}).ok());
  EXPECT_FALSE(run("AvgPoolGrad", attrs, {ints({4}, {1, -4, 4, 2}), y}).ok());
  EXPECT_FALSE(run("AvgPoolGrad", attrs, {ints({4}, {1, 4, 4, 2}), wrong}).ok());
  EXPECT_FALSE(run("AvgPoolGrad", attrs, {ints({3}, {4, 4, 2}), y}).ok());
}

}  // namespace
}  // namespace tarn::testing
