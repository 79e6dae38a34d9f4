// FusedBatchNorm, V2, V3 and their gradients.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/channels_first.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

struct Statistics {
  std::vector<double> mean, variance;  // of each channel, the variance divided by rows
};

Statistics statistics(const Tensor& x) {
  auto channels = static_cast<size_t>(x.shape().dim(-1));
  double rows = static_cast<double>(x.element_count()) / static_cast<double>(channels);
  Statistics s{std::vector<double>(channels), std::vector<double>(channels)};
  std::span<const double> values = x.flat<double>();
  for (size_t i = 0; i < values.size(); ++i) s.mean[i % channels] += values[i] / rows;
  for (size_t i = 0; i < values.size(); ++i) {
    s.variance[i % channels] += (values[i] - s.mean[i % channels]) * (values[i] - s.mean[i % channels]) / rows;
  }
  return s;
}

Tensor vector(const std::vector<double>& values) {
  return Tensor::vector<double>(std::span<const double>(values));
}

std::vector<double> values_of(const Tensor& x) {
  std::span<const double> values = x.flat<double>();
  return {values.begin(), values.end()};
}

Tensors batch_norm(const Tensors& in, const AttrMap& attrs) {
  const Tensor& x = in[0];
  bool is_training = attrs.get<bool>("is_training");
  double factor = attrs.get<float>("exponential_avg_factor");
  Statistics used = is_training ? statistics(x) : Statistics{values_of(in[3]), values_of(in[4])};
  Tensor y = map2(x, vector(used.mean), [](double v, double mean) { return v - mean; });
  double epsilon = attrs.get<float>("epsilon");
  y = map2(y, vector(used.variance), [&](double v, double variance) { return v / std::sqrt(variance + epsilon); });
  y = map2(y, in[1], [](double v, double scale) { return v * scale; });
  y = map2(y, in[2], [](double v, double offset) { return v + offset; });
  Statistics reported = used;
  if (is_training) {
    double rows = static_cast<double>(x.element_count()) / static_cast<double>(used.mean.size());
    for (size_t c = 0; c < used.mean.size(); ++c) {
      reported.variance[c] *= rows / std::max(1.0, rows - 1);
      if (factor == 1) continue;
      reported.mean[c] = (1 - factor) * in[3].flat<double>()[c] + factor * reported.mean[c];
      reported.variance[c] = (1 - factor) * in[4].flat<double>()[c] + factor * reported.variance[c];
    }
  }
  return {y, vector(reported.mean), vector(reported.variance), vector(used.mean), vector(used.variance)};
}

Tensors batch_norm_v3(const Tensors& in, const AttrMap& attrs) {
  Tensors outputs = batch_norm(in, attrs);
  outputs.push_back(doubles({}, {0}));
  return outputs;
}

// By the chain rule, element by element:  n = (x - mean) / s;  with the batch's own statistics every dy moves every x.
Tensors batch_norm_grad(const Tensors& in, const AttrMap& attrs) {
  const Tensor &dy = in[0], &x = in[1];
  bool is_training = attrs.get<bool>("is_training");
  size_t channels = static_cast<size_t>(x.shape().dim(-1)), count = static_cast<size_t>(x.element_count());
  double rows = static_cast<double>(count / channels), epsilon = attrs.get<float>("epsilon");
  std::vector<double> dscale(channels), doffset(channels);
  auto deviation = [&](size_t c) { return std::sqrt(in[4].flat<double>()[c] + epsilon); };
  auto normal = [&](size_t i) {
    return (x.flat<double>()[i] - in[3].flat<double>()[i % channels]) / deviation(i % channels);
  };
  for (size_t i = 0; i < count; ++i) {
    dscale[i % channels] += dy.flat<double>()[i] * normal(i);
    doffset[i % channels] += dy.flat<double>()[i];
  }
  Tensor dx = *Tensor::zeros(DType::kDouble, x.shape());
  for (size_t i = 0; i < count; ++i) {
    size_t c = i % channels;
    double centred = dy.flat<double>()[i];
    if (is_training) centred -= doffset[c] / rows + normal(i) * dscale[c] / rows;
    dx.mutable_flat<double>()[i] = in[2].flat<double>()[c] / deviation(c) * centred;
  }
  return {dx, vector(dscale), vector(doffset), doubles({0}, {}), doubles({0}, {})};
}

AttrMap norm_attrs(bool is_training, double factor = 1) {
  return {{"is_training", is_training}, {"exponential_avg_factor", factor}, {"epsilon", 1e-3}};
}

TARN_OP_CASES(batch_norm) {
  OpCases cases;
  for (const char* op : {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}) {
    bool is_v3 = op == std::string("FusedBatchNormV3");
    auto add_case = [&](const char* label, const Shape& shape, bool is_training, double factor = 1) {
      Shape vectors{shape.dim(-1)};
      bool is_empty = is_training && factor == 1;
      AttrMap attrs = norm_attrs(is_training, factor);
      if (shape.rank() == 5) attrs.set("data_format", "NDHWC");
      // Variances divide by what cancellation leaves: a factor 4.
      cases.push_back({.op = op,
                       .label = label,
                       .attrs = attrs,
                       .inputs = {uniform(shape, -1, 3), uniform(vectors, 0.5, 2, 2), uniform(vectors, -1, 1, 3),
                                  is_empty ? doubles({0}, {}) : uniform(vectors, -1, 1, 4),
                                  is_empty ? doubles({0}, {}) : uniform(vectors, 0.5, 2, 5)},
                       .reference = is_v3 ? batch_norm_v3 : batch_norm,
                       .sum_length = static_cast<double>(shape.elements() / std::max<int64_t>(1, shape.dim(-1))),
                       .tolerance_factor = 4,
                       .gradient_inputs = {0, 1, 2},  // TensorFlow gives the statistics none
                       .gradient_outputs = {0}});
    };
    add_case("training", {2, 3, 2, 3}, true);
    add_case("training, one channel", {1, 3, 3, 1}, true);
    add_case("training, 17 channels", {4, 2, 1, 17}, true);
    add_case("training, running average", {2, 2, 2, 3}, true, 0.25);
    add_case("training, many rows", {8, 20, 20, 4}, true);
    add_case("inference", {2, 3, 2, 3}, false);
    add_case("inference, empty batch", {0, 3, 2, 3}, false);
    if (is_v3) add_case("training, NDHWC", {2, 2, 3, 2, 3}, true);
  }
  for (const char* op : {"FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3"}) {
    for (bool is_training : {true, false}) {
      for (const Shape& shape : {Shape{2, 3, 2, 3}, Shape{1, 3, 3, 1}, Shape{4, 5, 5, 17}, Shape{0, 2, 2, 3}}) {
        Tensor x = uniform(shape, -1, 3);
        Statistics s = statistics(x);
        bool use_own = is_training && shape.elements() > 0;
        Shape vectors{shape.dim(-1)};
        Tensors inputs = {uniform(shape, -1, 1, 2), x, uniform(vectors, 0.5, 2, 3),
                          use_own ? vector(s.mean) : uniform(vectors, -1, 1, 4),
                          use_own ? vector(s.variance) : uniform(vectors, 0.5, 2, 5)};
        if (op == std::string("FusedBatchNormGradV3")) inputs.push_back(doubles({}, {0}));
        // A factor 16: scale_backprop may be what is left of terms a hundred times as large.
        cases.push_back({.op = op,
                         .label = shape.to_string() + (is_training ? " training" : " inference"),
                         .attrs = {{"is_training", is_training}, {"epsilon", 1e-3}},
                         .inputs = std::move(inputs),
                         .reference = batch_norm_grad,
                         .sum_length = static_cast<double>(shape.elements() / shape.dim(-1)),
                         .tolerance_factor = 16});
      }
    }
  }
  for (size_t i = 0, count = cases.size(); i < count; ++i) {
    ImageOperands operands{.images = {0}, .outputs = {0}};
    if (cases[i].op.starts_with("FusedBatchNormGrad")) operands.images = {0, 1};
    cases.push_back(channels_first(cases[i], operands));
  }
  return cases;
}

Result<Tensors> run(Tensor x, Tensor scale, Tensor mean, const AttrMap& attrs) {
  Tensor offset = uniform(scale.shape());
  return evaluate_op(op_table(), "FusedBatchNorm", attrs,
                     std::vector<Tensor>{std::move(x), std::move(scale), offset, mean, mean});
}

TEST(FusedBatchNorm, StatisticsOfNothingAreNan) {
  auto y = run(uniform({0, 2, 2, 3}), uniform({3}), doubles({0}, {}), norm_attrs(true));

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_EQ((*y)[0].shape(), Shape({0, 2, 2, 3}));
  for (size_t i : {1, 2}) EXPECT_TRUE(std::isnan((*y)[i].flat<double>()[0]));
}

TEST(FusedBatchNorm, NamesLengthsThatDiffer) {
  Tensor x = uniform({1, 2, 2, 4});
  auto scale = run(x, uniform({9}), uniform({4}), norm_attrs(false));
  auto mean = run(x, uniform({4}), uniform({1}), norm_attrs(false));
  auto empty_mean = run(x, uniform({4}), doubles({0}, {}), norm_attrs(false));

  ASSERT_FALSE(scale.ok() || mean.ok() || empty_mean.ok());
  EXPECT_NE(scale.status().message().find("scale has 9 elements but x has 4 channels"), std::string::npos)
      << scale.status().message();
  EXPECT_NE(mean.status().message().find("mean has 1 elements but x has 4 channels"), std::string::npos);
}

TEST(FusedBatchNorm, RefusesEpsilonsBelowZeroAndNan) {
  for (double epsilon : {-1.0, std::nan("")}) {
    AttrMap attrs = norm_attrs(false);
    attrs.set("epsilon", epsilon);

    EXPECT_FALSE(run(uniform({1, 2, 2, 4}), uniform({4}), uniform({4}), attrs).ok()) << epsilon;
  }
}

}  // namespace
}  // namespace tarn::testing
