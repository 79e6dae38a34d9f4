// Writes training graphs, one a folder: a small model with each optimizer, schedule, clipping and moving average, and
// the checkpoint it starts from. tests/interop/optimizers.py builds the same with TensorFlow.
//
//   training_graphs --out_dir=graphs         # graphs/adagrad/start-0.meta, .index, .data …
//
// All have x f32[?,5] and labels f32[?,3] to feed, `loss`, the op `train`, and `rate` where that changes.
#include <gflags/gflags.h>

#include <functional>

#include "core/file.h"
#include "graph/clipping.h"
#include "graph/learning_rates.h"
#include "graph/losses.h"
#include "graph/moving_averages.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/saver.h"
#include "tools/support/main.h"

DEFINE_string(out_dir, "", "Where the folders go");

namespace tarn {
namespace {

using Finish = std::function<void(const Scope& root, const Output& loss)>;

Finish minimize(std::shared_ptr<Optimizer> optimizer) {
  return [optimizer](const Scope& root, const Output& loss) { optimizer->Minimize(root.WithOpName("train"), loss); };
}

Finish clipped(std::function<std::vector<GradAndVar>(const Scope&, std::vector<GradAndVar>)> clip) {
  return [clip](const Scope& root, const Output& loss) {
    GradientDescentOptimizer optimizer(0.1f);
    optimizer.ApplyGradients(root.WithOpName("train"), clip(root, optimizer.ComputeGradients(root, loss)));
  };
}

Finish scheduled(std::function<Output(const Scope&, const Output& step)> schedule) {
  return [schedule](const Scope& root, const Output& loss) {
    ModelVariable step = GetOrCreateGlobalStep(root);
    Output rate = schedule(root.WithOpName("rate"), step.read);
    GradientDescentOptimizer(rate).Minimize(root.WithOpName("train"), loss, {.global_step = step.ref});
  };
}

void averaged(const Scope& root, const Output& loss) {
  ModelVariable step = GetOrCreateGlobalStep(root);
  Operation update =
      GradientDescentOptimizer(0.1f).Minimize(root.WithOpName("update"), loss, {.global_step = step.ref});
  ExponentialMovingAverage variables(0.9f, {.num_updates = step.ref});
  ExponentialMovingAverage values(0.8f, {.name = "Plain"}), debiased(0.8f, {.zero_debias = true, .name = "Debiased"});
  Scope after = root.WithControlDependencies({update});
  std::vector<Operation> all = {variables.Apply(after), values.Apply(root, {loss}), debiased.Apply(root, {loss})};
  AddNode(root.WithControlDependencies(all).WithOpName("train"), "NoOp", {});
}

const std::pair<const char*, Finish> kCases[] = {
    {"gradient_descent", minimize(std::make_shared<GradientDescentOptimizer>(0.1f))},
    {"momentum", minimize(std::make_shared<MomentumOptimizer>(0.1f, 0.9f))},
    {"nesterov", minimize(std::make_shared<MomentumOptimizer>(0.1f, 0.9f, true))},
    {"adam", minimize(std::make_shared<AdamOptimizer>(0.01f))},
    {"adagrad", minimize(std::make_shared<AdagradOptimizer>(0.1f))},
    {"rms_prop", minimize(std::make_shared<RMSPropOptimizer>(0.01f))},
    {"rms_prop_momentum", minimize(std::make_shared<RMSPropOptimizer>(
                              0.01f, RMSPropOptions{.decay = 0.8f, .momentum = 0.7f, .epsilon = 1e-3f}))},
    {"rms_prop_centered",
     minimize(std::make_shared<RMSPropOptimizer>(0.01f, RMSPropOptions{.momentum = 0.7f, .centered = true}))},
    {"adadelta", minimize(std::make_shared<AdadeltaOptimizer>())},
    {"adadelta_of_the_paper", minimize(std::make_shared<AdadeltaOptimizer>(1.0f, 0.9f, 1e-4f))},
    {"ftrl", minimize(std::make_shared<FtrlOptimizer>(0.1f))},
    {"ftrl_penalties",
     minimize(std::make_shared<FtrlOptimizer>(0.1f, FtrlOptions{.learning_rate_power = -0.6,
                                                                .initial_accumulator_value = 0.3,
                                                                .l1_regularization_strength = 0.02,
                                                                .l2_regularization_strength = 0.03}))},
    {"ftrl_shrinkage",
     minimize(std::make_shared<FtrlOptimizer>(
         0.1f, FtrlOptions{.l1_regularization_strength = 0.01, .l2_shrinkage_regularization_strength = 0.05}))},
    {"clip_by_value", clipped([](const Scope& root, std::vector<GradAndVar> gradients) {
       for (GradAndVar& pair : gradients) pair.gradient = ClipByValue(root, pair.gradient, -0.1f, 0.2f);
       return gradients;
     })},
    {"clip_by_norm", clipped([](const Scope& root, std::vector<GradAndVar> gradients) {
       for (GradAndVar& pair : gradients) pair.gradient = ClipByNorm(root, pair.gradient, 0.3f);
       return gradients;
     })},
    {"clip_by_norm_of_columns", clipped([](const Scope& root, std::vector<GradAndVar> gradients) {
       for (GradAndVar& pair : gradients) pair.gradient = ClipByNorm(root, pair.gradient, 0.2f, {0});
       return gradients;
     })},
    {"clip_by_global_norm", clipped([](const Scope& root, const std::vector<GradAndVar>& gradients) {
       return ClipByGlobalNorm(root, gradients, 0.4f);
     })},
    {"exponential_decay",
     scheduled([](const Scope& s, const Output& step) { return ExponentialDecay(s, 0.2f, step, 7, 0.8f); })},
    {"exponential_decay_staircase",
     scheduled([](const Scope& s, const Output& step) { return ExponentialDecay(s, 0.2f, step, 7, 0.8f, true); })},
    {"natural_exp_decay",
     scheduled([](const Scope& s, const Output& step) { return NaturalExpDecay(s, 0.2f, step, 7, 0.3f); })},
    {"inverse_time_decay",
     scheduled([](const Scope& s, const Output& step) { return InverseTimeDecay(s, 0.2f, step, 7, 0.5f); })},
    {"inverse_time_decay_staircase",
     scheduled([](const Scope& s, const Output& step) { return InverseTimeDecay(s, 0.2f, step, 7, 0.5f, true); })},
    {"piecewise_constant", scheduled([](const Scope& s, const Output& step) {
       return PiecewiseConstant(s, step, {7, 20}, {0.2, 0.1, 0.02});
     })},
    {"polynomial_decay", scheduled([](const Scope& s, const Output& step) {
       return PolynomialDecay(s, 0.2f, step, 20, {.end_learning_rate = 0.01f, .power = 0.5f});
     })},
    {"polynomial_decay_cycle", scheduled([](const Scope& s, const Output& step) {
       return PolynomialDecay(s, 0.2f, step, 7, {.power = 2.0f, .cycle = true});
     })},
    {"cosine_decay", scheduled([](const Scope& s, const Output& step) { return CosineDecay(s, 0.2f, step, 20, 0.1); })},
    {"cosine_decay_restarts", scheduled([](const Scope& s, const Output& step) {
       return CosineDecayRestarts(s, 0.2f, step, 6, {.t_mul = 1.5, .m_mul = 0.8, .alpha = 0.05});
     })},
    {"cosine_decay_restarts_evenly", scheduled([](const Scope& s, const Output& step) {
       return CosineDecayRestarts(s, 0.2f, step, 6, {.t_mul = 1, .m_mul = 0.8});
     })},
    {"moving_averages", averaged},
};

Status write_case(const std::string& name, const Finish& finish) {
  Scope root = Scope::NewRootScope();
  root.SetRandomSeed(1);
  Output x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 5}));
  Output labels = ops::Placeholder(root.WithOpName("labels"), DT_FLOAT, ops::Placeholder::Shape({-1, 3}));
  ModelVariable w = CreateVariable(root.WithOpName("W"), {5, 3}, Initializer::TruncatedNormal(0.5));
  ModelVariable b = CreateVariable(root.WithOpName("b"), {3}, Initializer::Constant(0.1));
  Output y = ops::Tanh(root, ops::Add(root, ops::MatMul(root, x, w.read), b.read));
  finish(root, losses::MeanSquaredError(root.WithOpName("loss"), labels, y));
  Operation init = GlobalVariablesInitializer(root);
  Saver saver(root);
  TARN_RETURN_IF_ERROR(root.status().with_context(name));
  Session session(root, {.threads = 1});
  TARN_RETURN_IF_ERROR(session.Run(init.name()));
  return saver.Save(session, path_join(path_join(FLAGS_out_dir, name), "start"), 0).status();
}

Status run() {
  for (const auto& [name, finish] : kCases) {
    TARN_RETURN_IF_ERROR(write_case(name, finish));
    print(name, "\n");
  }
  return {};
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "training_graphs",
                          .summary = "Writes training graphs that TensorFlow builds likewise.",
                          .example = "training_graphs --out_dir=graphs",
                          .required = {"out_dir"}},
                         tarn::run);
}
