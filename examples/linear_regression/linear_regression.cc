// Linear regression: what a house costs, from its size. Three sales, one line through them by gradient descent.
//
//   linear_regression --steps=3000 --learning_rate=0.1
//
// The smallest complete training program: a graph, a session, a loop.
#include <gflags/gflags.h>

#include <algorithm>
#include <cmath>

#include "core/file.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/saver.h"
#include "graph/session.h"
#include "tools/support/main.h"
#include "tools/support/progress.h"

DEFINE_int32(steps, 3000, "Training steps; each sees all three houses");
DEFINE_double(learning_rate, 0.1, "Step size of gradient descent");
DEFINE_string(out_dir, "", "Where graph.pbtxt and the checkpoint go; by default nowhere");
DEFINE_double(square_feet, 2000, "The house whose price to predict");

namespace tarn {
namespace {

// Sizes in 1000 square feet and prices in $100,000: numbers near 1 are what one learning rate suits.
constexpr double kFeetPerUnit = 1000, kDollarsPerUnit = 100'000;

Status run() {
  const Tensor sizes = Tensor::from<float>({3}, {2.104f, 1.600f, 2.400f});
  const Tensor prices = Tensor::from<float>({3}, {3.999f, 3.299f, 3.690f});

  // price = slope * size + intercept
  Scope root = Scope::NewRootScope();
  Output size = ops::Placeholder(root.WithOpName("size"), DT_FLOAT, ops::Placeholder::Shape({-1}));
  Output price = ops::Placeholder(root.WithOpName("price"), DT_FLOAT, ops::Placeholder::Shape({-1}));
  ModelVariable slope = CreateVariable(root.WithOpName("slope"), Shape(), Initializer::Zeros());
  ModelVariable intercept = CreateVariable(root.WithOpName("intercept"), Shape(), Initializer::Zeros());
  Output predicted = ops::Add(root.WithOpName("predicted"), ops::Mul(root, size, slope.read), intercept.read);

  Output loss = losses::MeanSquaredError(root.WithOpName("loss"), price, predicted);
  Operation train = GradientDescentOptimizer(static_cast<float>(FLAGS_learning_rate)).Minimize(root, loss);
  Operation init = GlobalVariablesInitializer(root);
  Saver saver(root);
  TARN_RETURN_IF_ERROR(root.status());

  Session session(root, {.threads = 1});
  TARN_RETURN_IF_ERROR(session.Run(init.name()));
  std::vector<Tensor> out;
  const int between_lines = std::max(1, FLAGS_steps / 10);
  for (int step = 0; step <= FLAGS_steps; ++step) {
    if (step % between_lines == 0) {
      TARN_RETURN_IF_ERROR(session.Run({{"size", sizes}, {"price", prices}}, {loss.name()}, &out));
      print("step ", step, "  loss ", fixed_text(out[0].item<float>(), 6), "\n");
    }
    if (step < FLAGS_steps)
      TARN_RETURN_IF_ERROR(session.Run({{"size", sizes}, {"price", prices}}, {}, {train.name()}, nullptr));
  }

  if (!FLAGS_out_dir.empty()) {
    TARN_RETURN_IF_ERROR(WriteGraph(root.graph(), FLAGS_out_dir, "graph.pbtxt").status());
    TARN_RETURN_IF_ERROR(
        saver.Save(session, path_join(FLAGS_out_dir, "model.ckpt"), FLAGS_steps, "checkpoint").status());
  }
  TARN_RETURN_IF_ERROR(session.Run({}, {slope.read.name(), intercept.read.name()}, &out));
  if (!std::isfinite(out[0].item<float>())) {
    return failed_precondition("the training diverged: --learning_rate=", FLAGS_learning_rate, " is too large");
  }
  print("slope: $", fixed_text(out[0].item<float>() * kDollarsPerUnit / kFeetPerUnit, 2), " per square foot\n");
  print("intercept: $", fixed_text(out[1].item<float>() * kDollarsPerUnit, 0), "\n");
  const auto asked = static_cast<float>(FLAGS_square_feet / kFeetPerUnit);
  TARN_RETURN_IF_ERROR(session.Run({{"size", Tensor::from<float>({1}, {asked})}}, {"predicted"}, &out));
  print("a house of ", FLAGS_square_feet, " square feet: $", fixed_text(out[0].flat<float>()[0] * kDollarsPerUnit, 0),
        "\n");
  return {};
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "linear_regression",
                          .summary = "Learns house prices from three sales, then predicts one.",
                          .example = "linear_regression --square_feet=1850",
                          .ranges = {{"steps", 1, 1e7}, {"learning_rate", 0, 1e3}, {"square_feet", 0, 1e6}}},
                         tarn::run);
}
