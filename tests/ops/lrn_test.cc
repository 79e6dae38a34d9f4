// LRN and LRNGrad.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

struct Options {
  double radius, bias, alpha, beta;
  explicit Options(const AttrMap& attrs)
      : radius(static_cast<double>(attrs.get<int64_t>("depth_radius"))),
        bias(attrs.get<float>("bias")),
        alpha(attrs.get<float>("alpha")),
        beta(attrs.get<float>("beta")) {}
};

// The base of the power for each element; visits every pair of channels.
Tensor norms(const Tensor& x, const Options& options) {
  return by_index(x.shape(), [&](const Index& i) {
    double sum = 0;
    for (int64_t k = 0; k < x.shape().dim(3); ++k) {
      double value = at(x, {i[0], i[1], i[2], k});
      if (std::fabs(static_cast<double>(k - i[3])) <= options.radius) sum += value * value;
    }
    return options.bias + options.alpha * sum;
  });
}

Tensor lrn(const Tensor& x, const AttrMap& attrs) {
  Options options(attrs);
  return map2(x, norms(x, options), [&](double v, double norm) { return v / std::pow(norm, options.beta); });
}

// dx[k] = sum over j of dy[j] * (d y[j] / d x[k]).
Tensor lrn_grad(const Tensor& dy, const Tensor& x, const Tensor& y, const AttrMap& attrs) {
  Options options(attrs);
  Tensor norm = norms(x, options);
  return by_index(x.shape(), [&](const Index& i) {
    double sum = at(dy, i) / std::pow(at(norm, i), options.beta);
    for (int64_t j = 0; j < x.shape().dim(3); ++j) {
      if (std::fabs(static_cast<double>(j - i[3])) > options.radius) continue;
      Index other = {i[0], i[1], i[2], j};
      sum -= at(dy, other) * at(y, other) * options.beta / at(norm, other) * options.alpha * 2 * at(x, i);
    }
    return sum;
  });
}

AttrMap lrn_attrs(int64_t radius, float bias, float alpha, float beta) {
  return {{"depth_radius", radius}, {"bias", bias}, {"alpha", alpha}, {"beta", beta}};
}

TARN_OP_CASES(lrn) {
  struct Case {
    const char* label;
    Shape shape;
    AttrMap attrs;
  };
  const Case table[] = {
      {"defaults", {2, 2, 3, 13}, lrn_attrs(5, 1, 1, 0.5)},
      {"AlexNet", {1, 3, 2, 16}, lrn_attrs(2, 2, 1e-4f, 0.75)},
      {"radius 0", {1, 2, 2, 4}, lrn_attrs(0, 1, 0.5, 0.5)},
      {"radius beyond the channels", {1, 2, 1, 3}, lrn_attrs(100, 1, 0.3f, 1)},
      {"the largest radius", {1, 1, 1, 5}, lrn_attrs(std::numeric_limits<int32_t>::max(), 1, 1, 0.5)},
      {"beta 0", {1, 1, 2, 3}, lrn_attrs(1, 1, 1, 0)},
      {"one channel", {1, 2, 2, 1}, lrn_attrs(1, 0.5, 2, 0.75)},
      {"more than one range", {3, 15, 16, 33}, lrn_attrs(3, 1, 0.5, 0.75)},
      {"no channels", {1, 2, 2, 0}, lrn_attrs(1, 1, 1, 0.5)},
      {"no images", {0, 2, 2, 3}, lrn_attrs(1, 1, 1, 0.5)},
  };
  OpCases cases;
  for (const Case& c : table) {
    Tensor x = uniform(c.shape, -2, 2);
    auto terms = static_cast<double>(c.shape.dim(3));
    // pow of float errs by a few units in the last place, and multiplies the base's error by beta.
    cases.push_back({.op = "LRN",
                     .label = c.label,
                     .attrs = c.attrs,
                     .inputs = {x},
                     .reference = [](const Tensors& in, const AttrMap& attrs) { return Tensors{lrn(in[0], attrs)}; },
                     .sum_length = terms,
                     .tolerance_factor = 2});
    cases.push_back({.op = "LRNGrad",
                     .label = c.label,
                     .attrs = c.attrs,
                     .inputs = {uniform(c.shape, -1, 1, 2), x, lrn(x, c.attrs)},
                     .reference = [](const Tensors& in,
                                     const AttrMap& attrs) { return Tensors{lrn_grad(in[0], in[1], in[2], attrs)}; },
                     .sum_length = terms,
                     .tolerance_factor = 2});
  }
  return cases;
}

TEST(Lrn, RefusesBadRadiusAndRank) {
  auto run = [](int64_t radius, Tensor x) {
    return evaluate_op(op_table(), "LRN", lrn_attrs(radius, 1, 1, 0.5), std::vector<Tensor>{std::move(x)});
  };

  EXPECT_TRUE(run(0, uniform({1, 1, 1, 3})).ok());
  EXPECT_EQ(run(-5, uniform({1, 1, 1, 3})).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(run(int64_t{1} << 40, uniform({1, 1, 1, 3})).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(run(1, uniform({1, 1, 3})).status().code(), Code::kInvalidArgument);
}

TEST(LrnGrad, NamesTheInputWhoseShapeDiffers) {
  auto dx = evaluate_op(op_table(), "LRNGrad", {},
                        std::vector<Tensor>{uniform({1, 1, 1, 3}), uniform({1, 1, 1, 3}), uniform({1, 1, 1, 4})});

  ASSERT_FALSE(dx.ok());
  EXPECT_NE(dx.status().message().find("output_image"), std::string::npos) << dx.status().message();
}

}  // namespace
}  // namespace tarn::testing
