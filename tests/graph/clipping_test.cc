// Clipping against its formulas in double, and what it makes of numbers that are not finite.
#include "graph/clipping.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/gradients.h"
#include "tests/graph/graph_lines.h"
#include "tests/graph/line_model.h"

namespace tarn {
namespace {

using testing::graph_lines;
using testing::one_thread;
using Lines = std::vector<std::string>;

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kTolerance = 1e-6;  // sums of a few squares near 10, rounded

class Clipping : public testing::LineModel {
 protected:
  std::vector<float> values(const Output& y) {
    EXPECT_TRUE(root.ok()) << root.status().to_string();
    Session session(root, one_thread());
    std::vector<Tensor> out;
    Status status = session.Run({}, {y.name()}, &out);
    EXPECT_TRUE(status.ok()) << status.to_string();
    if (!status.ok()) return {};
    std::span<const float> flat = out[0].flat<float>();
    return {flat.begin(), flat.end()};
  }

  Output make(const Shape& shape, const std::vector<float>& numbers) {
    return AddConst(root, Tensor::from<float>(shape, numbers));
  }

  void expect_values(const Output& y, const std::vector<double>& expected) {
    std::vector<float> got = values(y);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      if (std::isnan(expected[i])) {
        EXPECT_TRUE(std::isnan(got[i])) << "element " << i << " is " << got[i];
      } else {
        EXPECT_NEAR(got[i], expected[i], kTolerance) << "element " << i;
      }
    }
  }
};

TEST_F(Clipping, ByValueKeepsElementsBetweenTheLimits) {
  Output t = make({2, 3}, {-5, -1, 0.5f, 2, kInf, kNan});

  expect_values(ClipByValue(root, t, -1.5f, 1.0f), {-1.5, -1, 0.5, 1, 1, NAN});
  expect_values(ClipByValue(root, t, make({3}, {-2, 0, 0}), 3.0f), {-2, 0, 0.5, 2, 3, NAN});
}

TEST_F(Clipping, ByValueTakesTheLowerLimitWhereLimitsCross) {
  expect_values(ClipByValue(root, make({2}, {-1, 9}), 3.0f, 2.0f), {3, 3});
}

TEST_F(Clipping, ByNormShrinksWhatIsTooLong) {
  Output t = make({2, 2}, {3, 0, 0, 4});

  expect_values(ClipByNorm(root, t, 1.0f), {0.6, 0, 0, 0.8});
  expect_values(ClipByNorm(root, t, 5.5f), {3, 0, 0, 4});
  expect_values(ClipByNorm(root, make({2}, {0, 0}), 1.0f), {0, 0});
}

TEST_F(Clipping, ByNormMayTakeEachSliceForItself) {
  Output t = make({2, 2}, {3, 4, 0.3f, 0.4f});

  expect_values(ClipByNorm(root, t, 1.0f, {1}), {0.6, 0.8, 0.3, 0.4});
}

TEST_F(Clipping, ByNormGivesNanOfInfinitiesOnly) {
  // inf * 1 / inf, and 1 / inf.
  expect_values(ClipByNorm(root, make({2}, {kInf, 1}), 1.0f), {NAN, 0});
  expect_values(ClipByNorm(root, make({2}, {kNan, 1}), 1.0f), {NAN, NAN});
}

TEST_F(Clipping, ByNormOfZeroHasAFiniteGradient) {
  Output t = make({2}, {0, 0});
  std::vector<Output> gradients;
  Status status = AddSymbolicGradients(root, {ClipByNorm(root, t, 2.0f)}, {t}, &gradients);

  ASSERT_TRUE(status.ok()) << status.to_string();
  expect_values(gradients[0], {1, 1});
}

TEST_F(Clipping, GlobalNormIsOfAllElementsTogether) {
  Output norm = GlobalNorm(root, {make({2}, {1, 2}), NoGradient(), make({1, 2}, {3, 4})});

  EXPECT_EQ(norm.name(), "global_norm/global_norm:0");
  expect_values(norm, {std::sqrt(30.0)});
}

TEST_F(Clipping, ByGlobalNormShrinksAllAlike) {
  std::vector<Output> list = {make({2}, {3, 0}), NoGradient(), make({1}, {4})};

  ClippedByGlobalNorm small = ClipByGlobalNorm(root, list, 1.0f);
  expect_values(small.list[0], {0.6, 0});
  EXPECT_TRUE(small.list[1].is_none());
  expect_values(small.list[2], {0.8});
  expect_values(small.global_norm, {5});
  EXPECT_EQ(small.list[2].name(), "clip_by_global_norm/clip_by_global_norm/_2:0");  // TensorFlow's name

  ClippedByGlobalNorm inside = ClipByGlobalNorm(root.NewSubScope("a"), {list[0]}, 1.0f);
  EXPECT_EQ(inside.list[0].name(), "a/clip_by_global_norm/a/clip_by_global_norm/_0:0");

  ClippedByGlobalNorm large = ClipByGlobalNorm(root, list, 10.0f);
  expect_values(large.list[0], {3, 0});
  // A norm that is known already: of more than these.
  ClippedByGlobalNorm known = ClipByGlobalNorm(root, list, 1.0f, make({}, {10}));
  expect_values(known.list[0], {0.3, 0});
}

TEST_F(Clipping, ByGlobalNormIsNanWhereTheNormIsNotFinite) {
  for (float bad : {kInf, -kInf, kNan}) {
    ClippedByGlobalNorm clipped = ClipByGlobalNorm(root, {make({2}, {1, bad}), make({1}, {1})}, 1.0f);

    expect_values(clipped.list[0], {NAN, NAN});
    expect_values(clipped.list[1], {NAN});
  }
}

TEST_F(Clipping, GoesBetweenComputingAndApplyingGradients) {
  CreateVariable(root.WithOpName("idle"), Input({1.0f}));
  GradientDescentOptimizer optimizer(0.1f);
  std::vector<GradAndVar> gradients = optimizer.ComputeGradients(root, loss);
  Operation train = optimizer.ApplyGradients(root, ClipByGlobalNorm(root, gradients, 1.0f));
  start();
  double at_w = 0.5, at_b = 0.25;

  for (int i = 0; i < 5; ++i) {
    step(train);
    Gradient g = gradient(at_w, at_b);
    double scale = 1 / std::max(1.0, std::sqrt(g.w * g.w + g.b * g.b));
    at_w -= 0.1 * scale * g.w;
    at_b -= 0.1 * scale * g.b;
    EXPECT_NEAR(value("w"), at_w, 1e-5) << "step " << i;
    EXPECT_NEAR(value("b"), at_b, 1e-5) << "step " << i;
  }
}

TEST_F(Clipping, WritesTensorFlowsNodes) {
  Output t = ops::Placeholder(root.WithOpName("t"), DT_FLOAT, ops::Placeholder::Shape({-1, 2}));
  ClipByValue(root, t, 0.0f, 1.0f);
  ClipByNorm(root.WithOpName("unit"), t, 1.0f);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(graph_lines(root.graph(), {"clip_by_value"}),
            (Lines{"Const clip_by_value/Minimum/y", "Minimum clip_by_value/Minimum <- t clip_by_value/Minimum/y",
                   "Const clip_by_value/y", "Maximum clip_by_value <- clip_by_value/Minimum clip_by_value/y"}));
  EXPECT_EQ(node("unit").op, "Identity");
  EXPECT_EQ(node("unit").outputs[0].to_string(), "f32[?,2]");
}

TEST_F(Clipping, SayWhatDoesNotFit) {
  ClipByValue(root, ops::Const(root.WithOpName("t"), {1.0f, 2.0f}), make({3, 1}, {0, 0, 0}), 1.0f);
  EXPECT_EQ(root.status().message(),
            "ClipByValue 'clip_by_value': the limits must broadcast to the shape of 't:0', [2]; together they have "
            "[3,2]");

  root = Scope::NewRootScope();
  GlobalNorm(root, {NoGradient()});
  EXPECT_EQ(root.status().message(), "GlobalNorm 'global_norm': there is no tensor to take it of");

  root = Scope::NewRootScope();
  Output t = ops::Placeholder(root.WithOpName("t"), DT_FLOAT);
  ClipByNorm(root, t, 1.0f);
  EXPECT_EQ(root.status().message(), "ClipByNorm 'clip_by_norm': the rank of 't:0' is not known");
}

}  // namespace
}  // namespace tarn
