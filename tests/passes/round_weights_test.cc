// round_weights against a naive reference, on seeded weights.
#include "passes/pass.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

#include "graph/text.h"
#include "passes/support/pass_manager.h"
#include "passes/support/pipeline.h"

namespace tarn {
namespace {

// The level nearest to v from below the next: found by walking the buckets, not by dividing.
double nearest_level(double v, double min, double max, int steps) {
  double width = (max - min) / steps;
  for (int bucket = 0; bucket + 1 < steps; ++bucket) {
    if (v < min + width * (bucket + 1)) return min + width * (bucket + 0.5);
  }
  return max - width / 2;
}

TEST(RoundWeights, PutsEveryWeightInTheMiddleOfItsBucketAndNoneAboveTheMaximum) {
  constexpr int kCount = 1000;
  for (int steps : {2, 3, 7, 10, 100, 256}) {
    for (unsigned seed : {1u, 2u, 3u}) {
      SCOPED_TRACE(str_cat("steps ", steps, ", seed ", seed));
      std::mt19937 random(seed);
      std::normal_distribution<float> normal(static_cast<float>(seed) - 2, 3);
      std::vector<float> weights(kCount);
      for (float& w : weights) w = normal(random);
      Graph graph;
      NodeId w = *graph.add(
          {.name = "w", .op = "Const", .attrs = {{"value", Tensor::vector<float>(weights)}, {"dtype", DType::kFloat}}});
      ASSERT_TRUE(graph.add({.name = "y", .op = "Relu", .inputs = {{w, 0}}}).ok());
      PassManagerOptions options;
      options.outputs = {"y"};
      options.verify = true;

      Result<std::vector<PipelineStep>> pipeline = parse_pipeline(str_cat("round_weights(num_steps=", steps, ")"));
      ASSERT_TRUE(pipeline.ok()) << pipeline.status().to_string();
      auto reports = PassManager(options).run(graph, *pipeline);

      ASSERT_TRUE(reports.ok()) << reports.status().to_string();
      double min = *std::min_element(weights.begin(), weights.end());
      double max = *std::max_element(weights.begin(), weights.end());
      double width = (max - min) / steps;
      const Tensor& value = graph.node(*graph.find("w")).outputs[0].value;
      std::set<float> levels;
      for (int i = 0; i < kCount; ++i) {
        double was = weights[static_cast<size_t>(i)], is = value.flat<float>()[static_cast<size_t>(i)];
        levels.insert(static_cast<float>(is));
        // 1e-6 of the range: float32 rounding of the level. At a bucket's very edge either side is right.
        double tolerance = 1e-6 * (max - min);
        bool at_edge = std::abs(std::remainder(was - min, width)) < tolerance;
        if (!at_edge) {
          EXPECT_NEAR(is, nearest_level(was, min, max, steps), tolerance) << "weight " << was;
        }
        EXPECT_LE(std::abs(is - was), width / 2 + tolerance) << "weight " << was;
        EXPECT_LT(is, max);
        EXPECT_GT(is, min);
      }
      EXPECT_LE(static_cast<int>(levels.size()), steps);
    }
  }
}

TEST(RoundWeights, RefusesNoSteps) {
  Graph graph;
  ASSERT_TRUE(
      graph.add({.name = "w", .op = "Const", .attrs = {{"value", Tensor::scalar<float>(1)}, {"dtype", DType::kFloat}}})
          .ok());
  PassManagerOptions options;
  options.outputs = {"w"};

  auto reports = PassManager(options).run(graph, *parse_pipeline("round_weights(num_steps=0)"));

  ASSERT_FALSE(reports.ok());
  EXPECT_NE(reports.status().message().find("num_steps is 0"), std::string::npos) << reports.status().to_string();
}

}  // namespace
}  // namespace tarn
